"""Stage 4, reference half: a picture and what is seen in it -> a coded reference, and what the decoder makes of it."""

from typing import Self

from codec.bits.bitstream import REFERENCE_IDS, CodedReference
from codec.bits.symbols import SymbolCoder
from codec.config import CodecConfig
from codec.decisions.observation import Observation
from codec.reference.coder import ReferenceEncoder
from codec.reference.crf import INTRA_OFFSET, MAX_CRF, REFERENCE_PRESETS, TUNES, coarser_crf, reference_crf
from codec.state.reference_facts import FactsCoder, Place
from codec.state.references import DecodedReference
from codec.units import MAX_QP, Floats, Image

__all__ = ["ReferenceHalfEncoder"]


class ReferenceHalfEncoder:
    """Codes references one after the other; inter-coded ones against the `newest` before them."""

    def __init__(self, config: CodecConfig, symbols: SymbolCoder, *, mean_shape: Floats, weights_id: bytes) -> None:
        self._size, self._weights_id = config.size, weights_id
        self._offset = config.reference_qp_offset + TUNES[config.tune]
        # A budget plans with the size of references, so that theirs stay at the quality of the keyframe before them.
        self._follows_qp = not config.kbps
        self._pictures = ReferenceEncoder(
            size=config.size,
            crf=reference_crf(config.qp),
            intra_offset=INTRA_OFFSET,
            preset=REFERENCE_PRESETS[config.effort],
        )
        self._stream_crf = self._pictures.crf
        self._facts = FactsCoder(symbols, mean_shape)
        self.newest: DecodedReference | None = None

    def restore(self, wanted: bool) -> None:
        """Whether both ends restore references, from the next one on."""
        self._pictures.restored = wanted

    def succeed(self, before: Self) -> None:
        """Goes on with the ids of one for another size, and restores as it did. The next reference is intra."""
        self.newest = before.newest
        self._pictures.restored = before._pictures.restored

    def _crf(self, qp: int, *, intra: bool, coarser_by: int) -> int:
        usual = reference_crf(min(max(qp + self._offset, 0), MAX_QP))
        if intra:
            return usual
        return min(MAX_CRF, (usual if self._follows_qp else self._stream_crf) + coarser_by)

    def code(
        self,
        image_rgb: Image,
        seen: Observation,
        *,
        intra: bool,
        number: int,
        pts: int,
        duration: int,
        qp: int,
        coarser_by: int,
        keyframe_bits: float | None,
    ) -> tuple[CodedReference, DecodedReference]:
        """uint8 (S, S, 3) -> its coded half, and what the decoder holds; that is the newest from now on.

        An intra picture of more than keyframe_bits is coded once more, coarser; any other is `coarser_by` steps of the
        quality index coarser than qp says.
        """
        self._pictures.crf = self._crf(qp, intra=intra, coarser_by=coarser_by)
        picture = self._picture(image_rgb, intra=intra, most_bits=keyframe_bits)
        place = Place(number, pts, duration, qp)
        symbols, facts = self._facts.encode(
            seen.canonical,
            seen.motion,
            id=0 if self.newest is None else (self.newest.id + 1) % REFERENCE_IDS,
            place=place,
            box=seen.box,
            newest=None if intra else self.newest,
        )
        self.newest = DecodedReference.of(
            facts, picture=self._pictures.reconstruction, crf=self._pictures.told_crf, intra=intra
        )
        opened = place.opening(size=self._size, weights_id=self._weights_id) if intra else None
        coded = CodedReference(id=facts.id, opening=opened, symbols=symbols, picture=picture)
        return coded, self.newest

    def _picture(self, image_rgb: Image, *, intra: bool, most_bits: float | None) -> bytes:
        picture = self._pictures.encode(image_rgb, intra=intra)
        if intra and most_bits is not None and 8 * len(picture) > most_bits:
            self._pictures.crf = coarser_crf(self._pictures.crf, by=8 * len(picture) / most_bits)
            picture = self._pictures.encode(image_rgb, intra=True)
        if intra:
            self._stream_crf = self._pictures.coded_crf
        return picture

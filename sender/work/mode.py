"""Stage 5, mode: keypoints or H.264, decided from what the face follower and the encoder's own loop see."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Carrier", "ModeMachine", "ModeRules", "RequestedMode"]

RequestedMode = Literal["auto", "keypoints", "h264", "compare"]
Carrier = Literal["keypoints", "h264", "compare"]
_Cause = Literal["face", "quality", "load"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeRules:
    """Times in seconds, floors in dB. The way back is slower on purpose.

    The way to H.264 takes less than a second from ten pictures a second on, counted from the first that is lost or low
    and with what the follower's patience and the encoder's measuring (each 0.2 s, each frame once one was low) take.
    """

    floor_db: float = 20.0
    recovered_db: float = 1.5  # above the floor, before keypoints are trusted again
    face_grace_s: float = 0.3  # the follower has its own patience before it reports a face lost
    low_before_refresh_s: float = 0.15
    low_after_refresh_s: float = 0.35  # that long for the new reference to help
    refresh_memory_s: float = 2.0  # low again so soon after a new reference: it did not help
    face_back_s: float = 0.8
    quality_back_s: float = 1.0
    least_stay_s: float = 1.5  # in H.264, doubled for each change that did not last
    longest_stay_s: float = 12.0  # a face, or quality, is watched meanwhile: what comes back too soon is worth little
    longest_load_stay_s: float = 60.0  # whether there is time again shows in trying: five seconds of late pictures
    lasting_s: float = 10.0  # a stay with keypoints that counts as lasting


class ModeMachine:
    """Decides the carrier. Pure: it is told what is seen and when, on any clock that only goes forward.

    In `auto`, keypoints carry the call until

    - the face is lost for `face_grace_s` (at once when there has never been one), or
    - the PSNR of the encoder's own picture stays under the floor: then first a new reference is asked for
      (`take_refresh`), and if that does not help, H.264 takes over.

    - there is more work than time even on the last step of the ladder (`see_overload`).

    Back to keypoints: the face is there for `face_back_s`; after a change for quality, the encoder goes on coding
    without sending (`codes_keypoints`), and its PSNR must be clear of the floor for `quality_back_s`; after one for
    load, it is tried again when the stay is over, which doubles each time that it did not last.
    """

    def __init__(self, requested: RequestedMode, rules: ModeRules) -> None:
        self._requested = requested
        self._rules = rules
        self.carrier: Carrier = "keypoints" if requested == "auto" else requested
        self.cause: _Cause | None = None  # why H.264 carries the call in `auto`
        self.h264_fits = True  # the line: H.264 is no answer to a picture that suffers for want of bits
        self._since_s: float | None = None
        self._stay_s = rules.least_stay_s / 2  # the first change doubles it
        self._face_seen = False
        self._lost_since_s: float | None = None
        self._found_since_s: float | None = None
        self._low_since_s: float | None = None
        self._quality_s = (
            0.0  # when the newest value came: what counts is how long it was low, not what time passed since
        )
        self._high_since_s: float | None = None
        self._refreshed_s: float | None = None
        self._refresh_wanted = False

    @property
    def sends_keypoints(self) -> bool:
        """Whether what the codec makes is to be sent."""
        return self.carrier != "h264"

    @property
    def sends_h264(self) -> bool:
        """Whether the H.264 stream is to be sent."""
        return self.carrier != "keypoints"

    @property
    def codes_keypoints(self) -> bool:
        """Whether the codec is to run: to be sent, or to see whether it could be again."""
        return self.sends_keypoints or self.cause == "quality"

    @property
    def doubts_quality(self) -> bool:
        """Whether a change hangs on the next frame's quality: the last was low, and keypoints still carry the call."""
        return self._requested == "auto" and self.sends_keypoints and self._low_since_s is not None

    def take_refresh(self) -> bool:
        """True once when a new reference is worth a try."""
        wanted, self._refresh_wanted = self._refresh_wanted, False
        return wanted

    def see_face(self, found: bool, *, now_s: float) -> bool:
        """What the face follower says about a picture; True if the carrier changes."""
        if found:
            self._face_seen, self._lost_since_s = True, None
            self._found_since_s = now_s if self._found_since_s is None else self._found_since_s
        else:
            self._found_since_s = None
            self._lost_since_s = now_s if self._lost_since_s is None else self._lost_since_s
        return self._decide(now_s)

    def see_quality(self, psnr_db: float, *, now_s: float) -> bool:
        """PSNR of the encoder's own picture, each value once; True if the carrier changes.

        Keyframes are left out: they say nothing of the frames that build on them.
        """
        rules = self._rules
        low, high = psnr_db < rules.floor_db, psnr_db >= rules.floor_db + rules.recovered_db
        self._low_since_s = (now_s if self._low_since_s is None else self._low_since_s) if low else None
        self._quality_s = now_s
        self._high_since_s = (now_s if self._high_since_s is None else self._high_since_s) if high else None
        return self._decide(now_s)

    def see_overload(self, now_s: float) -> bool:
        """Keypoints are more work than there is time for, however little of it is done; True if the carrier changes."""
        if self._requested != "auto" or self.carrier != "keypoints":
            return False
        self._since_s = now_s if self._since_s is None else self._since_s
        return self._change("h264", "load", now_s)

    def _decide(self, now_s: float) -> bool:
        if self._requested != "auto":
            return False
        self._since_s = now_s if self._since_s is None else self._since_s
        if self.carrier == "keypoints":
            return self._leave(now_s)
        return self._return(now_s)

    def _leave(self, now_s: float) -> bool:
        """Keypoints carry the call: is it time for H.264?"""
        rules = self._rules
        if self._lost_since_s is not None:
            grace_s = rules.face_grace_s if self._face_seen else 0.0
            if now_s - self._lost_since_s >= grace_s:
                return self._change("h264", "face", now_s)
        if self._low_since_s is None or not self.h264_fits:
            return False
        if self._refreshed_s is None or self._low_since_s - self._refreshed_s > rules.refresh_memory_s:
            if self._quality_s - self._low_since_s >= rules.low_before_refresh_s:
                self._refreshed_s, self._refresh_wanted = now_s, True
            return False
        if self._quality_s - max(self._low_since_s, self._refreshed_s) >= rules.low_after_refresh_s:
            return self._change("h264", "quality", now_s)
        return False

    def _return(self, now_s: float) -> bool:
        """H.264 carries the call: can keypoints again?"""
        rules = self._rules
        assert self._since_s is not None
        if self.cause == "quality" and self._lost_since_s is not None:
            if now_s - self._lost_since_s >= rules.face_grace_s:
                self.cause = "face"
            return False
        if now_s - self._since_s < self._stay_s:
            return False
        if self._found_since_s is None or now_s - self._found_since_s < rules.face_back_s:
            return False
        if self.cause == "quality" and (
            self._high_since_s is None or now_s - self._high_since_s < rules.quality_back_s
        ):
            return False
        return self._change("keypoints", None, now_s)

    def _change(self, carrier: Carrier, cause: _Cause | None, now_s: float) -> bool:
        rules = self._rules
        assert self._since_s is not None
        if carrier == "h264":
            lasted = now_s - self._since_s >= rules.lasting_s
            longest_s = rules.longest_load_stay_s if cause == "load" else rules.longest_stay_s
            self._stay_s = rules.least_stay_s if lasted else min(2 * self._stay_s, longest_s)
        self.carrier, self.cause, self._since_s = carrier, cause, now_s
        self._low_since_s = self._high_since_s = self._refreshed_s = None
        self._refresh_wanted = False
        return True

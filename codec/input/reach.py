"""Stage 1, input, reach: what opening a video may reach: formats and protocols by allow-list, nothing that it names.

A playlist is a list of names to open next: a local one made another local video the input, and one from the network, or
a redirect, reached other hosts and ports. So formats that are pictures and sound are listed here, those that name
other inputs (HLS, DASH, concat scripts, SDP, image sequences) are read only where that is asked for, and a protocol is
used only where the input's own name begins with it.
"""

import re
from pathlib import Path

__all__ = ["NESTING", "SCHEMES", "allowed", "local_name"]

# FFmpeg's demuxers that read one stream of bytes and open nothing else; of sound too, which is told to be no video.
_FORMATS = (
    "3g2,3gp,aa,ac3,apng,asf,av1,avi,avs2,avs3,bmp_pipe,cavsvideo,cine,dirac,dnxhd,dv,evc,exr_pipe,flv,gif,"
    "gif_pipe,gxf,h261,h263,h264,hevc,ivf,j2k_pipe,jpeg_pipe,jpegls_pipe,jpegxl_anim,jpegxl_pipe,live_flv,m4v,"
    "matroska,mjpeg,mjpeg_2000,mov,mp4,mpeg,mpegts,mpegvideo,mpjpeg,mxf,nut,obu,ogg,pam_pipe,pbm_pipe,pgm_pipe,"
    "pgmyuv_pipe,png_pipe,ppm_pipe,qoi_pipe,r3d,rm,smjpeg,sunrast_pipe,tiff_pipe,vc1,vc1test,vvc,webm,webp_pipe,"
    "wtv,yuv4mpegpipe,"
    "aac,aiff,amr,au,caf,flac,mp3,w64,wav"
)

# Those that name what to open next.
NESTING = ("hls", "dash", "concat", "imf", "webm_dash_manifest", "sdp")

# Of each scheme: the protocols below it, and the demuxers that it comes with; and options that keep it to one name.
_PROTOCOLS = {
    "file": ("file",),
    "pipe": ("pipe",),
    "http": ("http", "tcp"),
    "https": ("https", "tls", "tcp"),
    "rtsp": ("rtsp", "rtp", "tcp", "udp"),
    "rtsps": ("rtsps", "rtp", "tls", "tcp"),
    "rtmp": ("rtmp", "tcp"),
    "udp": ("udp",),
    "srt": ("srt",),
}
SCHEMES = tuple(scheme for scheme in _PROTOCOLS if scheme not in ("file", "pipe"))  # of the network
_NESTED_PROTOCOLS = {
    "file": ("crypto", "data", "http", "https", "tls", "tcp"),
    "pipe": ("crypto", "data", "http", "https", "tls", "tcp"),
    "http": ("crypto", "data", "https", "tls"),
    "https": ("crypto", "data", "http"),
}
_STREAMED = {"rtsp": ("rtsp",), "rtsps": ("rtsp",), "rtmp": ("flv", "live_flv"), "file": ("image2",)}
_SINGLE = {
    "http": {"max_redirects": "0"},
    "https": {"max_redirects": "0"},
    "file": {"pattern_type": "none"},  # of image2: a picture whose name looks like the pattern of a sequence
}


def local_name(path: Path) -> str:
    """The name of a local file for FFmpeg, whatever it looks like: `concat:a` and `http:b` are files here."""
    return f"file:{path}"


def allowed(name: str, *, nested: bool = False) -> dict[str, str]:
    """FFmpeg's options for opening `name` (`SCHEME:...`): what it may be, and by which protocols it may be read.

    `nested` lets it name others: playlists, and redirects of http. A name of the network never leads to a file.
    """
    scheme = re.match(r"[a-z]*", name.lower())
    kind = scheme[0] if scheme is not None else ""
    protocols = _PROTOCOLS[kind] + (_NESTED_PROTOCOLS.get(kind, ()) if nested else ())
    formats = (_FORMATS, *_STREAMED.get(kind, ()), *(NESTING if nested else ()))
    options = {"protocol_whitelist": ",".join(protocols), "format_whitelist": ",".join(formats)}
    if kind in ("http", "https"):
        options["http_proxy"] = ""  # else FFmpeg goes by the environment's, to where nobody said that it should
    if not nested:
        options |= _SINGLE.get(kind, {})
    return options

"""Answers to bytes. Docker ends a JSON answer with a newline; streams of objects have one per line."""

import msgspec

_encoder = msgspec.json.Encoder()


def encode(value: object) -> bytes:
    return _encoder.encode(value) + b"\n"


def encode_line(value: object) -> bytes:
    """One object of a progress stream; Docker separates them by CR LF (pkg/streamformatter)."""
    return _encoder.encode(value) + b"\r\n"


def encode_error(message: str) -> bytes:
    return encode({"message": message})


def encode_stream_error(message: str, *, code: int | None = None) -> bytes:
    """An error after a 200: the last line of a stream."""
    detail = {"message": message} if code is None else {"code": code, "message": message}
    return encode_line({"errorDetail": detail, "error": message})

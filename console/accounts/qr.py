"""A QR code as the path of an inline SVG: no image file, no foreign markup."""

from dataclasses import dataclass

import qrcode
from qrcode.constants import ERROR_CORRECT_M


@dataclass(frozen=True, slots=True)
class QrCode:
    """``path`` draws the dark squares on a field of ``size`` by ``size`` units, quiet zone included."""

    size: int
    path: str


def qr_code(text: str) -> QrCode:
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=3)
    code.add_data(text)
    matrix = code.get_matrix()
    dark = ((x, y) for y, row in enumerate(matrix) for x, is_dark in enumerate(row) if is_dark)
    return QrCode(len(matrix), "".join(f"M{x} {y}h1v1h-1z" for x, y in dark))

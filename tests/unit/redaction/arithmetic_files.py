"""JPEG files of arithmetic coding, which no library at hand writes: 60 x 50 pixels of smooth colours.

Made by `jpegtran -copy none -arithmetic`, the first with `-restart 2b` and the second with `-progressive`, of the
pixels of `PIXELS` coded by `jpegs.encode` at quality 60 in the colours that stand beside them.
"""

from __future__ import annotations

import base64

import numpy as np

_Y, _X = np.mgrid[0:50, 0:60]
PIXELS = np.dstack([_X * 3 + 20, _Y * 4 + 30, 230 - _X - _Y * 2]).clip(0, 255).astype(np.uint8)

_CODED = {
    "sequential": (
        "4:2:0",
        (
            "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdB"
            "RkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09P"
            "T09PT09PT09PT09PT0//yQARCAAyADwDASIAAhEBAxEB/8wACgAQEAUBEBEF/90ABAAC/9oADAMBAAIRAxEAPwD/AHbbTO7D"
            "pkJBATnucaTWMWizyDxsZ0vBbGT/0P8APrN49tPeQkEBHIh8fBhXRk6v9+N9iyi0YP/R/ugUh4yDBcybdAqZRHaH7cdDiSvh"
            "yds8PED/0vvGnndhXz01NdnmRgTUPtp2VkBLuLl2/9Ol1/6zdNqR2AqWyShCBRIOuQa2U9JGZP/U0WODO645kXPjn7ZgHSI3"
            "5P1mze0lBENc/9XRom8rKe7Dmn5zOJG5fFD/1tJRriyn5U6WNqf/ANq/xHLb/9k="
        ),
    ),
    "progressive": (
        "4:4:4",
        (
            "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdB"
            "RkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09P"
            "T09PT09PT09PT09PT0//ygARCAAyADwDAREAAhEBAxEB/8wABgAQARD/2gAMAwEAAhADEAAAAf7sSB+nLGbMdIty1MdQXPO2"
            "kETE3L2DwV68R3RlWvAu7S5JOFNiRFKgrgW5YOPcYfgrApGyXXXliAXuTTeFEGj0XmHzyJJ4E4D/zAAEEAX/2gAIAQEAAQUC"
            "lhMEGeOJEqUpSlKn0P/MAAQRBf/aAAgBAwEBPwEOiyoWUvyRNNtgoxgoyFYUZCsKMhiqyDAg/8wABBEF/9oACAECAQE/AX6C"
            "OYxUMAABn6T/zAAEEAX/2gAIAQEABj8CqP/MAAQQBf/aAAgBAQABPyHfU/kozislBsSKOBnj4xv/2gAMAwEAAgADAAAAEC+n"
            "BiJDMuUaaCJggpD8gzQFaA/E6P/MAAQRBf/aAAgBAwEBPxB5+fqA/8wABBEF/9oACAECAQE/EMxq7UUAAAAqwP/MAAQQBf/a"
            "AAgBAQABPxB5+fp0/9k="
        ),
    ),
    "grey": (
        "grey",
        (
            "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdB"
            "RkxOUlNSMj5aYVpQYEpRUk//yQALCAAyADwBAREA/8wABgAQEAX/2gAIAQEAAD8A/wB220zuwfHTXaRGdeNkdUYmL8gHHphN"
            "IBlmBXyHsINNkTVKaD1NDMCodm35Xdc4003y3EuvEtY3JJzWTqD/2Q=="
        ),
    ),
    "cmyk": (
        "cmyk",
        (
            "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwANCQoLCggNCwoLDg4NDxMgFRMSEhMnHB4XIC4pMTAuKS0sMzpKPjM2RjcsLUBXQUZM"
            "TlJTUjI+WmFaUGBKUVJP/8kAFAgAMgA8BEMRAE0RAFkRAEsRAP/MAAYAEBAF/9oADgRDAE0AWQBLAAA/AP8Al4ueEnKA9XEJ"
            "8H/KZCedXh6Bcs3MZnQVrLpPFuTByiCHhknrSLn9UxEHmDIRn6tPdxeX+yDoNUCTOqmFWRELqtsZ1fLdmbi+TeJFEOe5/Snm"
            "D5OMDaTwOy+HOX2sXB9aYgi5hgmTPNBQJmEgN43qxZaZR3pbH/YNWGVv+WSQV8TnW4l/eMOdnNArYecN+rk275TkTL6kFb8R"
            "FteYSorMY4/pyPm2BFqHawvZx2bC9pdooo9dniFMcTYOnvW9EMj3w0sEVuTIx6/fFGIm+HcdlEZieKyFzFMpStXZ6E81zrem"
            "GDHEvnObph7OHURn6LyxevXO8G4+oH48WHNrwnQTjYo7+r+M1BoN7h4of8YVhAGgR4IP4ewBOZtB8HXDIxkG9AiO1sLs9dry"
            "dsS4/9k="
        ),
    ),
}
ARITHMETIC = {name: (colours, base64.b64decode(text)) for name, (colours, text) in _CODED.items()}
"""By name: colours as in `jpegs.Kind`, and the file."""

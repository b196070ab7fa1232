"""Prints what pydicom makes of DICOM files: for each file a line of JSON with the values of its frames (after the
modality's slope and intercept) as little endian float32 in base64, or the colours as bytes. An independent decoder for
the tests; JPEG is taken apart by dcmtk, JPEG 2000 by Pillow."""
import base64, json, os, subprocess, sys, tempfile, warnings
import numpy, pydicom
from pydicom.pixel_data_handlers import apply_modality_lut, apply_color_lut, convert_color_space

warnings.simplefilter("ignore")
TOOLS = {"1.2.840.10008.1.2.4.5": "dcmdjpeg", "1.2.840.10008.1.2.4.7": "dcmdjpeg", "1.2.840.10008.1.2.4.8": "dcmdjpls"}


def decoded(path, folder):
    ds = pydicom.dcmread(path, force=True)
    if not hasattr(ds, "file_meta") or "TransferSyntaxUID" not in ds.file_meta:
        raise ValueError("no transfer syntax")
    tool = TOOLS.get(str(ds.file_meta.TransferSyntaxUID)[:21])
    if tool:
        plain = os.path.join(folder, "plain.dcm")
        subprocess.run([tool, path, plain], check=True, capture_output=True)
        ds = pydicom.dcmread(plain, force=True)
    return ds


def values(ds):
    a = ds.pixel_array
    if ds.PhotometricInterpretation == "PALETTE COLOR":
        a = apply_color_lut(a, ds)
        return "colour", (a >> 8 if a.max() > 255 else a).astype("uint8")
    if ds.get("SamplesPerPixel", 1) == 3:
        if ds.PhotometricInterpretation.startswith("YBR_FULL"):
            a = convert_color_space(a, ds.PhotometricInterpretation, "RGB")
        return "colour", (a >> (ds.BitsStored - 8)).astype("uint8")
    a = apply_modality_lut(a, ds).astype("float64")
    if "DoseGridScaling" in ds:
        a = a * float(ds.DoseGridScaling)
    return "grey", a.astype("<f4")


with tempfile.TemporaryDirectory() as folder:
    for path in sys.stdin.read().split("\n"):
        if not path:
            continue
        try:
            kind, a = values(decoded(path, folder))
            out = {"kind": kind, "shape": list(a.shape), "data": base64.b64encode(a.tobytes()).decode()}
        except Exception as e:
            out = {"kind": "none", "why": type(e).__name__ + ": " + str(e)[:100]}
        out["file"] = path
        print(json.dumps(out), flush=True)

"""Inspect an 8 bit photo with an exported graph: python onnx_without_renormal.py export.onnx photo.png overlay.png."""

import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageChops, ImageFilter, ImageOps

model, photo, out = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
facts = session.get_modelmeta().custom_metadata_map
if "threshold" not in facts:
    sys.exit(f"{model}: {facts['decision']}")
size, threshold = int(facts["size"]), float(facts["threshold"])
image = ImageOps.exif_transpose(Image.open(photo))
if image.mode not in ("L", "RGB") or facts["fit"] not in ("squash", "crop"):
    sys.exit(f"{photo}: mode {image.mode} and fit {facts['fit']} are beyond this example: renormal-predict reads it")
(width, height), side = image.size, min(image.size)
left, top = ((width - side) // 2, (height - side) // 2) if facts["fit"] == "crop" else (0, 0)
box = (left, top, left + side, top + side) if facts["fit"] == "crop" else (0, 0, width, height)
small = image.convert("L" if facts["channels"] == "1" else "RGB").crop(box).resize((size, size), Image.LANCZOS)
x = np.asarray(small, np.float32).reshape(size, size, -1).transpose(2, 0, 1)[None] / 255
maps, (score,) = session.run(["map", "score"], {"image": x})
own = Image.fromarray(maps[0]).resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.BILINEAR)
wide = mask = Image.fromarray(((np.asarray(own) > threshold) * 255).astype(np.uint8))
for _ in range(max(2, round(min(own.size) / 192))):  # width of the line, as in the overlays of renormal-predict
    wide = wide.filter(ImageFilter.MaxFilter(3))
red, line = Image.new("RGB", own.size, (230, 30, 40)), ImageChops.subtract(wide, mask)
Image.composite(red, image.convert("RGB").crop(box), line).save(out)
print(f"score {score:.6g}, threshold {threshold:.6g}: {'defective' if score > threshold else 'not defective'}")

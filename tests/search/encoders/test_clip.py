"""Encoders with real (random or small) checkpoints in folders, and a hub over HTTP.

ViT-B/32 here has the size of the real one, so that its dimension and preprocessing are real; its
weights are random, because tests download nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image, ImageDraw

from search.encoders import (
    DEMO_FOLDER,
    DEMO_SENTENCE,
    EncoderUnavailable,
    ImageEncoder,
    TextEncoder,
    UnreadableVector,
)
from search.encoders.checkpoints import DEFAULT_MODEL, fingerprint, resolve
from tests.support.checkpoints import TEXT, save

# torch alone takes seconds to load, and so does each of its checkpoints
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("clip")]

ROOT = Path(__file__).resolve().parents[3]
SMALL = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}


@pytest.fixture(scope="session")
def small_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoint with the input of ViT-B/32 that is faster to create."""
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

    config = CLIPConfig(text_config=SMALL | TEXT, vision_config=SMALL | {"patch_size": 32})
    return save(tmp_path_factory.mktemp("small"), CLIPModel(config), CLIPImageProcessorPil())


@pytest.fixture(scope="session")
def siglip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import SiglipConfig, SiglipImageProcessorPil, SiglipModel

    config = SiglipConfig(
        text_config=SMALL | TEXT | {"max_position_embeddings": 16, "projection_size": 32},
        vision_config=SMALL | {"image_size": 64, "patch_size": 16},
    )
    processor = SiglipImageProcessorPil(size={"height": 64, "width": 64})
    return save(tmp_path_factory.mktemp("siglip"), SiglipModel(config), processor)


@pytest.fixture(scope="session")
def siglip_naflex(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import Siglip2Config, Siglip2ImageProcessorPil, Siglip2Model

    config = Siglip2Config(
        text_config=SMALL | TEXT | {"max_position_embeddings": 16, "projection_size": 32},
        vision_config=SMALL | {"num_patches": 16, "patch_size": 16},
    )
    processor = Siglip2ImageProcessorPil(patch_size=16, max_num_patches=16)
    return save(tmp_path_factory.mktemp("naflex"), Siglip2Model(config), processor)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy of a checkpoint that a test may break."""
    return Path(shutil.copytree(DEMO_FOLDER, tmp_path / "copy"))


def picture(width: int, height: int) -> Image.Image:
    """Return an image with shapes, edges and colours at every scale."""
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    draw = ImageDraw.Draw(image)
    for step in range(12):
        x, y = width * step // 12, height * (step * 5 % 12) // 12
        draw.ellipse((x, y, x + width // 5, y + height // 5), fill=(step * 20, 200 - step * 15, 90))
    return image


# ------------------------------------------------------------------------------ both halves


@pytest.mark.parametrize(
    ("checkpoint", "dimension", "size"),
    [("vit_b32", 512, 224), ("siglip", 32, 64), ("siglip_naflex", 32, 64)],
)
def test_both_halves_of_a_checkpoint_give_unit_vectors_of_one_space(
    checkpoint: str, dimension: int, size: int, request: pytest.FixtureRequest
) -> None:
    folder = str(request.getfixturevalue(checkpoint))
    texts, images = TextEncoder(folder), ImageEncoder(folder)

    vectors = [
        texts.encode(["a red handbag", "a much longer question about a blue watch on a beach"]),
        images.encode([picture(300, 200), picture(90, 130), picture(64, 64)]),
    ]

    assert texts.dimension == images.dimension == dimension
    assert images.input_size == size
    assert texts.fingerprint == images.fingerprint
    for rows in vectors:
        assert rows.dtype == np.float32
        assert rows.flags.c_contiguous
        assert rows.shape[1] == dimension
        assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)


def test_a_checkpoint_in_half_precision_computes_in_full() -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(DEMO_FOLDER, dtype=torch.float32).eval()
    tokens = AutoTokenizer.from_pretrained(DEMO_FOLDER)(["a red shoe"], return_tensors="pt")
    with torch.inference_mode():
        expected = model.get_text_features(**tokens).pooler_output.numpy()[0]

    vector = TextEncoder(str(DEMO_FOLDER)).encode(["a red shoe"])[0]

    assert json.loads((DEMO_FOLDER / "config.json").read_text())["dtype"] == "float16"
    assert vector == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)


def test_an_encoder_may_be_used_from_many_threads_at_once() -> None:
    texts, images = TextEncoder(str(DEMO_FOLDER)), ImageEncoder(str(DEMO_FOLDER))
    asked = [f"{'very ' * (n % 7)}red shoe" for n in range(40)]

    with ThreadPoolExecutor(8) as pool:
        questions = list(pool.map(lambda text: texts.encode([text])[0], asked))
        pixels = list(pool.map(images.preprocess, [picture(200, 150)] * 8))

    for text, vector in zip(asked, questions, strict=True):
        assert vector == pytest.approx(texts.encode([text])[0], abs=1e-6)
    assert all((other == pixels[0]).all() for other in pixels)


def test_nothing_gives_no_rows() -> None:
    assert TextEncoder(str(DEMO_FOLDER)).encode([]).shape == (0, 256)
    assert ImageEncoder(str(DEMO_FOLDER)).encode([]).shape == (0, 256)


def test_importing_the_module_imports_neither_torch_nor_transformers_nor_django() -> None:
    heavy = "{'torch', 'transformers', 'django', 'huggingface_hub'}"
    code = f"import sys, search.encoders.clip; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


# ------------------------------------------------------------------------------ texts


@pytest.mark.parametrize("checkpoint", ["small_clip", "siglip"])
def test_a_text_longer_than_the_model_reads_is_cut(
    checkpoint: str, request: pytest.FixtureRequest
) -> None:
    encoder = TextEncoder(str(request.getfixturevalue(checkpoint)))
    words = ["shoe"] * 400
    assert encoder.encode([" ".join(words)])[0] == pytest.approx(
        encoder.encode([" ".join(words[:200])])[0], abs=1e-5
    )


@pytest.mark.parametrize("text", ["", "  ", "\n\t"])
def test_an_empty_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="empty text"):
        TextEncoder(str(DEMO_FOLDER)).encode(["a shoe", text])


def test_half_a_surrogate_pair_is_a_text() -> None:
    assert TextEncoder(str(DEMO_FOLDER)).encode(["a shoe \ud83d"]).shape == (1, 256)


def test_a_question_to_clip_is_not_padded() -> None:
    encoder = TextEncoder(str(DEMO_FOLDER))
    read = []

    def look(_module: Any, _args: Any, inputs: dict[str, Any]) -> None:
        read.append(inputs["input_ids"].shape[1])

    encoder.dimension  # noqa: B018  (loads the model)
    encoder._model.text_model.register_forward_pre_hook(look, with_kwargs=True)
    encoder.encode(["red shoes"])

    assert read == [4]  # start, "red", "shoes", end


def test_the_other_texts_of_a_batch_change_nothing() -> None:
    encoder = TextEncoder(str(DEMO_FOLDER))
    alone = encoder.encode(["red shoes"])[0]
    together = encoder.encode(["red shoes", "a very long text about something else entirely"])[0]
    assert together == pytest.approx(alone, abs=1e-5)


def test_siglip_reads_capitals_as_small_letters(siglip: Path) -> None:
    encoder = TextEncoder(str(siglip))
    assert (encoder.encode(["Red SHOES"]) == encoder.encode(["red shoes"])).all()


# ------------------------------------------------------------------------------ pictures


@pytest.mark.parametrize(
    "size", [(448, 448), (600, 450), (230, 1000), (3000, 2000), (2100, 4200), (100, 60)]
)
def test_preprocessing_agrees_with_the_processor_of_the_checkpoint(
    size: tuple[int, int], small_clip: Path
) -> None:
    from transformers import AutoImageProcessor

    processor = AutoImageProcessor.from_pretrained(small_clip, backend="pil")
    image = picture(*size)

    ours = ImageEncoder(str(small_clip)).preprocess(image)
    theirs = processor(images=image, return_tensors="np")["pixel_values"][0]

    assert ours.shape == (3, 224, 224)
    assert ours.dtype == np.float32
    spread = np.array(processor.image_std, np.float32)[:, None, None]  # back to 0..1
    assert (np.abs(ours - theirs) * spread).mean() < 0.7 / 255


@pytest.mark.parametrize("size", [(1, 1), (1, 10_000), (20_000, 2)])
def test_a_strip_or_a_dot_has_a_vector_and_takes_little_time(size: tuple[int, int]) -> None:
    encoder = ImageEncoder(str(DEMO_FOLDER))
    encoder.dimension  # noqa: B018  (loads the model)
    began = time.monotonic()
    assert encoder.encode([Image.new("RGB", size, "red")]).shape == (1, 256)
    assert time.monotonic() - began < 1


def test_pixels_that_are_no_numbers_are_named_by_their_row() -> None:
    encoder = ImageEncoder(str(DEMO_FOLDER))
    pixels = [encoder.preprocess(picture(128, 128)) for _ in range(3)]
    pixels[1] = np.full_like(pixels[1], np.nan)

    with pytest.raises(UnreadableVector, match="row 1") as caught:
        encoder.encode_pixels(pixels)

    assert caught.value.rows == [1]


def plain_vectors(folder: Path, pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the vectors of the checkpoint in float32, without the code under test."""
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        output = model.get_image_features(pixel_values=torch.from_numpy(pixels)).pooler_output
    vectors: np.ndarray[Any, Any] = output.numpy()
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


@pytest.mark.parametrize("checkpoint", ["demo", "vit_b32", "siglip"])
def test_a_picture_has_the_vector_that_the_plain_model_gives(
    checkpoint: str, request: pytest.FixtureRequest
) -> None:
    folder = DEMO_FOLDER if checkpoint == "demo" else request.getfixturevalue(checkpoint)
    encoder = ImageEncoder(str(folder))
    pictures = [picture(300, 200), picture(90, 130), Image.effect_noise((80, 80), 90)]
    pixels = np.stack([encoder.preprocess(each) for each in pictures])

    cosines = (encoder.encode_pixels(pixels) * plain_vectors(folder, pixels)).sum(axis=1)

    assert cosines.min() > 0.9999


def test_weights_that_bear_no_rounding_are_computed_with_exactly(
    small_clip: Path, tmp_path: Path
) -> None:
    from safetensors.numpy import load_file, save_file

    folder = Path(shutil.copytree(small_clip, tmp_path / "sharp"))
    weights = load_file(folder / "model.safetensors")
    for name in weights:
        if "vision_model" in name and name.endswith(("v_proj.weight", "fc1.weight")):
            weights[name] += 50  # times inputs that sum to zero: no effect if exact
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    encoder = ImageEncoder(str(folder))
    pixels = np.stack([encoder.preprocess(picture(300, 200))])

    assert encoder.encode_pixels(pixels) == pytest.approx(plain_vectors(folder, pixels), abs=1e-4)


# ------------------------------------------------------------------------------ fingerprints


def test_the_fingerprint_stays_with_the_weights_and_the_preprocessing(copy: Path) -> None:
    demo = TextEncoder(str(DEMO_FOLDER)).fingerprint
    assert TextEncoder(str(copy)).fingerprint == demo

    settings = json.loads((copy / "preprocessor_config.json").read_text())
    (copy / "preprocessor_config.json").write_text(json.dumps(settings | {"resample": 2}))
    other_preprocessing = ImageEncoder(str(copy)).fingerprint

    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[len(weights) // 2] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    other_weights = ImageEncoder(str(copy)).fingerprint

    assert len({demo, other_preprocessing, other_weights}) == 3


def test_the_fingerprint_of_a_large_checkpoint_is_quick(copy: Path) -> None:
    with (copy / "model.safetensors").open("r+b") as weights:
        weights.truncate(3_000_000_000)  # a sparse file takes no space
    began = time.monotonic()
    assert fingerprint(copy) != fingerprint(DEMO_FOLDER)
    assert time.monotonic() - began < 1  # 0.02 s when nothing else runs


# ------------------------------------------------------------------------------ broken folders


def without_a_weight(folder: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["visual_projection.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def cut_short(folder: Path) -> None:
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[:1_000_000])


def of_another_kind(folder: Path) -> None:
    from transformers import BertConfig, BertModel

    BertModel(BertConfig(**SMALL, vocab_size=99)).save_pretrained(folder)


def not_json(folder: Path) -> None:
    (folder / "config.json").write_text("{")


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (without_a_weight, "lacks weights, such as visual_projection.weight"),
        (cut_short, "could not be loaded"),
        (of_another_kind, "holds a bert model. Search needs CLIP or SigLIP"),
        (not_json, "could not be loaded"),
    ],
)
def test_a_broken_checkpoint_is_explained_and_never_used(
    broken: Callable[[Path], None], sentence: str, copy: Path
) -> None:
    broken(copy)
    with pytest.raises(EncoderUnavailable, match=sentence) as caught:
        ImageEncoder(str(copy)).encode([picture(64, 64)])
    assert str(copy) in str(caught.value)


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ("config.json", "config.json"),
        ("model.safetensors", "model.safetensors"),
        ("preprocessor_config.json", "preprocessor_config.json"),
    ],
)
def test_a_folder_with_a_file_missing_is_refused_at_once(
    missing: str, named: str, copy: Path
) -> None:
    (copy / missing).unlink()
    with pytest.raises(EncoderUnavailable, match=f"it has no {named}"):
        TextEncoder(str(copy))


def test_a_sharded_checkpoint_needs_all_its_shards(copy: Path) -> None:
    shard = "model-00001-of-00002.safetensors"
    (copy / "model.safetensors").rename(copy / shard)
    index = {"weight_map": {"a": shard, "b": "model-00002-of-00002.safetensors"}}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(EncoderUnavailable, match="it has no model-00002-of-00002"):
        resolve(str(copy), allow_demo=True)


# ------------------------------------------------------------------------------ encoder choice


def test_a_named_folder_is_used(copy: Path) -> None:
    found = resolve(str(copy), allow_demo=True)
    assert (found.name, found.source, found.is_demo) == (str(copy), str(copy), False)
    assert str(copy) in found.sentence


@pytest.mark.parametrize("model", ["demo", str(DEMO_FOLDER)])
def test_the_demo_encoder_says_what_it_is(model: str) -> None:
    found = resolve(model, allow_demo=False)
    assert (found.name, found.is_demo, found.sentence) == ("demo", True, DEMO_SENTENCE)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("/nowhere/clip", "there is no such folder"),
        ("./nowhere", "there is no such folder"),
        ("~/nowhere", "there is no such folder"),
        ("not a name", "neither a folder on this machine nor a name on the hub"),
        ("nobody/nothing", "downloads are off. Name a folder"),
    ],
)
def test_what_was_named_is_never_replaced_by_the_demo(model: str, sentence: str) -> None:
    with pytest.raises(EncoderUnavailable, match=sentence):
        resolve(model, allow_demo=True, offline=True)


class Hub(BaseHTTPRequestHandler):
    """Stand-in for the hub with one model, also with weights for other frameworks."""

    files: ClassVar[dict[str, bytes]] = {
        **{path.name: path.read_bytes() for path in DEMO_FOLDER.iterdir()},
        "tf_model.h5": b"not ours",
        "pytorch_model.bin": b"not needed beside safetensors",
        "onnx/model.onnx": b"not ours",
    }
    commit = "0" * 40

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith(f"/api/models/{DEFAULT_MODEL}"):
            files = [{"rfilename": n, "size": len(b)} for n, b in self.files.items()]
            entries = [
                {"type": "file", "path": n, "size": len(b), "oid": n} for n, b in self.files.items()
            ]
            info = {"id": DEFAULT_MODEL, "sha": self.commit, "siblings": files}
            self.answer(json.dumps(entries if "/tree/" in path else info).encode())
        elif path.startswith(f"/{DEFAULT_MODEL}/resolve/"):
            name = path.split("/resolve/")[1].partition("/")[2]
            self.answer(self.files[name], name)
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def do_HEAD(self) -> None:
        self.do_GET()

    def answer(self, body: bytes, etag: str = "") -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        if etag:
            self.send_header("ETag", f'"{etag}"')
            self.send_header("X-Repo-Commit", self.commit)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class SilentHub(BaseHTTPRequestHandler):
    """Stand-in for the hub that accepts connections and never answers."""

    def do_GET(self) -> None:
        time.sleep(30)


@contextmanager
def hub(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def resolve_elsewhere(call: str, *, endpoint: str, home: Path) -> dict[str, Any]:
    """Run `resolve(...)` in a process of its own: the hub's client reads its settings once."""
    code = f"""
import json, search.encoders.checkpoints as checkpoints
said = []
try:
    found = checkpoints.resolve({call}, say=said.append)
    print(json.dumps(dict(name=found.name, source=found.source, demo=found.is_demo, said=said)))
except checkpoints.EncoderUnavailable as error:
    print(json.dumps(dict(error=str(error), said=said)))
"""
    settings = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_real_clip_is_downloaded_once_without_the_weights_of_others(tmp_path: Path) -> None:
    with hub(Hub) as endpoint:
        first = resolve_elsewhere("'', allow_demo=True", endpoint=endpoint, home=tmp_path)
    later = resolve_elsewhere("'', allow_demo=True, offline=True", endpoint=endpoint, home=tmp_path)

    assert (first["name"], first["demo"]) == (DEFAULT_MODEL, False)
    assert first["said"] == [f"Downloading {DEFAULT_MODEL} (8 MB), once."]
    names = {path.name for path in Path(first["source"]).iterdir()}
    assert names == {path.name for path in DEMO_FOLDER.iterdir()}
    assert later == {**first, "said": []}
    assert TextEncoder(first["source"]).dimension == 256


def test_a_download_that_broke_off_is_not_taken_for_the_model(tmp_path: Path) -> None:
    with hub(Hub) as endpoint:
        first = resolve_elsewhere("'', allow_demo=True", endpoint=endpoint, home=tmp_path)
        (Path(first["source"]) / "model.safetensors").unlink()
        again = resolve_elsewhere("'', allow_demo=True", endpoint=endpoint, home=tmp_path)
    assert again == first


def test_a_model_that_the_hub_does_not_have_is_an_error(tmp_path: Path) -> None:
    with hub(Hub) as endpoint:
        answer = resolve_elsewhere(
            "'some/thing', allow_demo=True", endpoint=endpoint, home=tmp_path
        )
    assert answer["error"].startswith("The hub has no model some/thing")


def test_a_hub_that_never_answers_costs_seconds_and_gives_the_demo(tmp_path: Path) -> None:
    began = time.monotonic()
    with hub(SilentHub) as endpoint:
        answer = resolve_elsewhere("'', allow_demo=True", endpoint=endpoint, home=tmp_path)
    assert time.monotonic() - began < 15
    assert (answer["name"], answer["demo"]) == ("demo", True)
    assert answer["said"][0].endswith("Using the bundled demo encoder instead.")


def test_without_the_demo_an_unreachable_hub_is_an_error(tmp_path: Path) -> None:
    closed = "http://127.0.0.1:9"
    answer = resolve_elsewhere("'', allow_demo=False", endpoint=closed, home=tmp_path)
    assert DEFAULT_MODEL in answer["error"]
    assert "Name a folder with a CLIP checkpoint" in answer["error"]

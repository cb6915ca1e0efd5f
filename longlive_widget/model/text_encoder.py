"""Prompts to the rows that the transformer attends to: umT5's encoder and its tokenizer.

The network is the transformers library's; files carry Wan's names, and a `TextEncoder` reads and
writes those. One class serves umT5-xxl and the small embedded encoder.

Axes: B batch, L tokens, D channels.

Source: Chung et al. 2023, UniMax (umT5); Wan2.1 for the cleaning and the padding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from longlive_widget.errors import CheckpointError, whole_number
from longlive_widget.model.checkpoint import load_strictly, read_weights
from longlive_widget.timeline import clean

if TYPE_CHECKING:  # transformers takes seconds to load: wait for them where a text is read
    from transformers import PreTrainedTokenizerBase, UMT5Config

TOKEN_EMBEDDING = "token_embedding.weight"
"""Wan's name of the table that holds one row for each token."""
_EMBEDDING, _SAME_EMBEDDING = "umt5.shared.weight", "umt5.encoder.embed_tokens.weight"
_NAMES = {
    TOKEN_EMBEDDING: _EMBEDDING,
    "norm.weight": "umt5.encoder.final_layer_norm.weight",
}
_LAYER_NAMES = {
    "norm1": "layer.0.layer_norm",
    "attn.q": "layer.0.SelfAttention.q",
    "attn.k": "layer.0.SelfAttention.k",
    "attn.v": "layer.0.SelfAttention.v",
    "attn.o": "layer.0.SelfAttention.o",
    "pos_embedding.embedding": "layer.0.SelfAttention.relative_attention_bias",
    "norm2": "layer.1.layer_norm",
    "ffn.gate.0": "layer.1.DenseReluDense.wi_0",
    "ffn.fc1": "layer.1.DenseReluDense.wi_1",
    "ffn.fc2": "layer.1.DenseReluDense.wo",
}


@dataclass(frozen=True)
class TextEncoderConfig:
    """The sizes of the encoder; each default is umT5-xxl's, as Wan2.1 uses it.

    `tokens` is the fixed length that prompts are padded or cut to.

    Raises:
        CheckpointError: a size is no whole number from 1 up, or the heads do not divide the width
            of attention.
    """

    vocab: int = 256384
    dim: int = 4096
    dim_attn: int = 4096
    dim_ffn: int = 10240
    num_heads: int = 64
    num_layers: int = 24
    num_buckets: int = 32
    tokens: int = 512

    def __post_init__(self) -> None:
        for name, size in asdict(self).items():
            whole_number(f"the text encoder's {name}", size, CheckpointError, least=1)
        if self.dim_attn % self.num_heads:
            raise CheckpointError(
                f"dim_attn {self.dim_attn} does not split into {self.num_heads} heads"
            )

    @classmethod
    def from_wan(
        cls, weights: Mapping[str, Tensor], tokens: int, path: Path | str
    ) -> "TextEncoderConfig":
        """The sizes of the encoder whose tensors, under Wan's names, a file holds.

        Raises:
            CheckpointError: these are no tensors of such an encoder.
        """
        try:
            vocab, dim = weights[TOKEN_EMBEDDING].shape
            buckets, heads = weights["blocks.0.pos_embedding.embedding.weight"].shape
            return cls(
                vocab=vocab,
                dim=dim,
                dim_attn=len(weights["blocks.0.attn.q.weight"]),
                dim_ffn=len(weights["blocks.0.ffn.fc1.weight"]),
                num_heads=heads,
                num_layers=sum(name.endswith(".norm1.weight") for name in weights),
                num_buckets=buckets,
                tokens=tokens,
            )
        except (LookupError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{path} is not the text encoder of Wan2.1 ({error}): give "
                "models_t5_umt5-xxl-enc-bf16.pth, or the same tensors as safetensors"
            ) from error


class _Token(NamedTuple):
    """A token, and where in the prompt it stands."""

    id: int
    start: int
    end: int


def _first_deviation(name: str, weight: Tensor, config: TextEncoderConfig) -> float:
    """The standard deviation with which training begins, of a matrix by its name in transformers.

    Source: C. Raffel et al., T5 (2020), as transformers sets it out.
    """
    if name.endswith("shared.weight"):
        return 1.0
    if name.endswith("relative_attention_bias.weight"):
        return config.dim**-0.5
    if name.endswith("SelfAttention.q.weight"):
        return float((config.dim * config.dim_attn // config.num_heads) ** -0.5)
    return float(weight.shape[-1] ** -0.5)


class TextEncoder(nn.Module):
    """Prompts to embeddings, `tokens` rows each, zero past the prompt.

    Without a tokenizer only `forward` works. A module made on the meta device costs nothing until
    its weights are loaded.
    """

    def __init__(
        self,
        config: TextEncoderConfig | None = None,
        tokenizer: "PreTrainedTokenizerBase | None" = None,
    ) -> None:
        super().__init__()
        self.config = config or TextEncoderConfig()
        self.tokenizer = tokenizer
        self.offloaded = False
        from transformers import UMT5EncoderModel

        self.umt5 = UMT5EncoderModel(_umt5_config(self.config))
        self.register_state_dict_post_hook(_to_wan_names)
        self.register_load_state_dict_pre_hook(_from_wan_names)
        self.register_load_state_dict_post_hook(_tie_embeddings)

    @classmethod
    def random(
        cls,
        config: TextEncoderConfig,
        tokenizer: "PreTrainedTokenizerBase",
        dtype: torch.dtype,
        *,
        kept_on: torch.device,
        drawn_on: torch.device,
    ) -> "TextEncoder":
        """An encoder with random weights, one after the other drawn on a device that is quick.

        They are as far spread as those that umT5 is trained from.
        """
        with torch.device("meta"):
            encoder = cls(config, tokenizer).to(dtype)
        encoder.to_empty(device=kept_on)
        _tie_embeddings(encoder, None)
        with torch.no_grad():
            for name, weight in encoder.named_parameters():
                if weight.ndim == 1:  # of a norm
                    weight.fill_(1)
                    continue
                drawn = torch.randn(weight.shape, device=drawn_on, dtype=dtype)
                weight.copy_(drawn.mul_(_first_deviation(name, weight, config)))
        return encoder

    @classmethod
    def load(
        cls,
        weights_path: Path | str,
        tokenizer_folder: Path | str,
        config: TextEncoderConfig | None = None,
        *,
        weights: Mapping[str, Tensor] | None = None,
    ) -> "TextEncoder":
        """The encoder in a weight file, in the file's dtype, with the tokenizer in a folder.

        `weights` is what the file holds, if it has been read already.

        Raises:
            CheckpointError: a file or folder is missing, damaged or of another model.
        """
        tokenizer = load_tokenizer(tokenizer_folder)
        with torch.device("meta"):
            encoder = cls(config, tokenizer)
        if len(tokenizer) > encoder.config.vocab:
            raise CheckpointError(
                f"the tokenizer in {tokenizer_folder} knows {len(tokenizer)} tokens, the encoder "
                f"{encoder.config.vocab}: give the tokenizer that belongs to {weights_path}"
            )
        found = read_weights(weights_path) if weights is None else weights
        load_strictly(encoder, found, weights_path)
        return encoder.eval()

    def forward(self, ids_BL: Tensor, mask_BL: Tensor) -> Tensor:
        """Embeddings, `BLD`, of the tokens whose mask is 1; the other rows are zero."""
        hidden_BLD: Tensor = self.umt5(input_ids=ids_BL, attention_mask=mask_BL).last_hidden_state
        return hidden_BLD.masked_fill(mask_BL.unsqueeze(-1) == 0, 0)

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> Tensor:
        """Embeddings, `BLD`, of prompts as a person types them."""
        ids_BL, mask_BL = self.tokenize(prompts)
        kept = self.umt5.shared.weight
        device = torch.device("cpu") if kept.is_meta else kept.device
        embeds_BLD: Tensor = self(ids_BL.to(device), mask_BL.to(device))
        return embeds_BLD

    def offload(self, device: torch.device) -> None:
        """Leave the weights on the host, and compute on `device`: a layer is there when it is due.

        What comes out is on the host. The module can neither be saved nor moved after that.
        """
        from accelerate import cpu_offload  # type: ignore[import-untyped]  # slow to import

        cpu_offload(self.umt5, execution_device=device)
        self.offloaded = True

    def tokenize(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Token ids and mask, both int64 `BL`: cleaned, cut to length, the end token last, padded.

        An encoder without a tokenizer is a `CheckpointError`.
        """
        length, tokenizer = self.config.tokens, self._require_tokenizer()
        ids_BL = torch.full((len(prompts), length), tokenizer.pad_token_id)
        mask_BL = torch.zeros_like(ids_BL)
        for row, prompt in enumerate(prompts):
            words = clean(prompt)
            ids = tokenizer.encode(words, add_special_tokens=False, verbose=False)[: length - 1]
            ids.append(tokenizer.eos_token_id)
            ids_BL[row, : len(ids)] = torch.tensor(ids)
            mask_BL[row, : len(ids)] = 1
        return ids_BL, mask_BL

    def unread(self, prompt: str) -> str:
        """The end of a cleaned prompt that does not fit into `tokens` rows; '' if all of it does.

        An encoder without a tokenizer is a `CheckpointError`.
        """
        words = clean(prompt)
        beyond = self._tokens_of(words)[self.config.tokens - 1 :]
        return words[beyond[0].start :].strip() if beyond else ""

    def unknown_words(self, prompt: str) -> tuple[str, ...]:
        """The words of a cleaned prompt that the tokenizer has no token for, as written, each once.

        An encoder without a tokenizer is a `CheckpointError`.
        """
        words, unknown = clean(prompt), self._require_tokenizer().unk_token_id
        found = (words[t.start : t.end] for t in self._tokens_of(words) if t.id == unknown)
        return tuple(dict.fromkeys(found))

    @property
    def vocabulary(self) -> dict[str, int]:
        """Each token that the tokenizer knows, and its row in the table.

        An encoder without a tokenizer is a `CheckpointError`.
        """
        vocabulary: dict[str, int] = self._require_tokenizer().get_vocab()
        return vocabulary

    def _tokens_of(self, words: str) -> list[_Token]:
        """All tokens of a cleaned prompt, those too that there is no row for."""
        read = self._require_tokenizer()(
            words, add_special_tokens=False, verbose=False, return_offsets_mapping=True
        )
        spans = zip(read["input_ids"], read["offset_mapping"], strict=True)
        return [_Token(token, *span) for token, span in spans]

    def _require_tokenizer(self) -> "PreTrainedTokenizerBase":
        if self.tokenizer is None:
            raise CheckpointError(
                "this text encoder has no tokenizer: give one, or call it with token ids"
            )
        return self.tokenizer


def load_tokenizer(folder: Path | str) -> "PreTrainedTokenizerBase":
    """The tokenizer that a folder holds; nothing is fetched.

    Raises:
        CheckpointError: there is no folder, no tokenizer in it, or one without end and padding.
    """
    from transformers import AutoTokenizer

    if not Path(folder).is_dir():
        raise CheckpointError(f"{folder} is not a folder: name the one that holds the tokenizer")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{folder} holds no tokenizer that can be read: {error}") from error
    if tokenizer.eos_token_id is None or tokenizer.pad_token_id is None:
        raise CheckpointError(
            f"the tokenizer in {folder} has no end token or no padding token: set both and save it"
        )
    return tokenizer


def _umt5_config(config: TextEncoderConfig) -> "UMT5Config":
    from transformers import UMT5Config

    return UMT5Config(
        vocab_size=config.vocab,
        d_model=config.dim,
        d_kv=config.dim_attn // config.num_heads,
        d_ff=config.dim_ffn,
        num_layers=config.num_layers,
        num_heads=config.num_heads,
        relative_attention_num_buckets=config.num_buckets,
        relative_attention_max_distance=128,
        dropout_rate=0.0,
    )


def _names(layers: int) -> dict[str, str]:
    """Wan's name of each tensor, and the one that it has inside `TextEncoder`."""
    names = dict(_NAMES)
    for layer in range(layers):
        for wan, ours in _LAYER_NAMES.items():
            names[f"blocks.{layer}.{wan}.weight"] = f"umt5.encoder.block.{layer}.{ours}.weight"
    return names


def _to_wan_names(
    module: TextEncoder, tensors: dict[str, Tensor], prefix: str, _metadata: object
) -> None:
    for wan, ours in _names(module.config.num_layers).items():
        tensors[prefix + wan] = tensors.pop(prefix + ours)
    del tensors[prefix + _SAME_EMBEDDING]


def _from_wan_names(
    module: TextEncoder, tensors: dict[str, Tensor], prefix: str, *_report: object
) -> None:
    for wan, ours in _names(module.config.num_layers).items():
        if prefix + wan in tensors:
            tensors[prefix + ours] = tensors.pop(prefix + wan)
    if prefix + _EMBEDDING in tensors:
        tensors[prefix + _SAME_EMBEDDING] = tensors[prefix + _EMBEDDING]


def _tie_embeddings(module: TextEncoder, _incompatible: object) -> None:
    """Make the two names one parameter again: tensors that are assigned come apart."""
    module.umt5.encoder.embed_tokens.weight = module.umt5.shared.weight

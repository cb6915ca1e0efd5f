"""Prompts to the rows that the transformer attends to, by umT5's encoder.

One class serves umT5-xxl and the small embedded encoder; files carry Wan's names.

Axes: B batch, L tokens, D channels.

Source: Chung et al. 2023, UniMax (umT5); Wan2.1 for the cleaning and the padding.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from longlive_widget.errors import CheckpointError
from longlive_widget.model.bare import bare
from longlive_widget.model.checkpoint import load_strictly, read_weights
from longlive_widget.model.tokenizer import PromptTokenizer, load_tokenizer
from longlive_widget.model.umt5 import TOKEN_EMBEDDING, Layer, Norm, TextEncoderConfig
from longlive_widget.timeline import clean


def _first_deviation(name: str, weight: Tensor, config: TextEncoderConfig) -> float:
    """The standard deviation with which training begins, of a matrix by its name.

    Source: C. Raffel et al., T5 (2020), as the transformers library sets it out.
    """
    if name == TOKEN_EMBEDDING:
        return 1.0
    if name.endswith("pos_embedding.embedding.weight"):
        return config.dim**-0.5
    if name.endswith("attn.q.weight"):
        return float((config.dim * config.dim_attn // config.num_heads) ** -0.5)
    return float(weight.shape[-1] ** -0.5)


class TextEncoder(nn.Module):
    """Prompts to embeddings, `tokens` rows each, zero past the prompt.

    Without a tokenizer only `forward` works. A module made on the meta device costs nothing until
    its weights are loaded.
    """

    def __init__(
        self, config: TextEncoderConfig | None = None, tokenizer: PromptTokenizer | None = None
    ) -> None:
        super().__init__()
        self.config = config or TextEncoderConfig()
        self.tokenizer = tokenizer
        self.offloaded = False
        self.token_embedding = nn.Embedding(self.config.vocab, self.config.dim)
        self.blocks = nn.ModuleList(Layer(self.config) for _ in range(self.config.num_layers))
        self.norm = Norm(self.config.dim)

    @classmethod
    def random(
        cls,
        config: TextEncoderConfig,
        tokenizer: PromptTokenizer,
        dtype: torch.dtype,
        *,
        kept_on: torch.device,
        drawn_on: torch.device,
    ) -> "TextEncoder":
        """An encoder with random weights, one after the other drawn on a device that is quick.

        They are as far spread as those that umT5 is trained from.
        """
        with bare():
            encoder = cls(config, tokenizer).to(dtype)
        encoder.to_empty(device=kept_on)
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
        with bare():
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
        x_BLD = self.token_embedding(ids_BL)
        mask_BL = mask_BL.to(x_BLD.device)  # weights that are offloaded take their input with them
        for layer in self.blocks:
            x_BLD = layer(x_BLD, mask_BL)
        embeds_BLD: Tensor = self.norm(x_BLD)
        return embeds_BLD.masked_fill(mask_BL.unsqueeze(-1) == 0, 0)

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> Tensor:
        """Embeddings, `BLD`, of prompts as a person types them."""
        ids_BL, mask_BL = self.tokenize(prompts)
        kept = self.token_embedding.weight
        device = torch.device("cpu") if kept.is_meta else kept.device
        embeds_BLD: Tensor = self(ids_BL.to(device), mask_BL.to(device))
        return embeds_BLD

    def offload(self, device: torch.device) -> None:
        """Leave the weights on the host, and compute on `device`: a layer is there when it is due.

        What comes out is on the host. The module can neither be saved nor moved after that.
        """
        from accelerate import cpu_offload  # type: ignore[import-untyped]  # slow to import

        cpu_offload(self, execution_device=device)
        self.offloaded = True

    def tokenize(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Token ids and mask, both int64 `BL`: cleaned, cut to length, the end token last, padded.

        An encoder without a tokenizer is a `CheckpointError`.
        """
        length, tokenizer = self.config.tokens, self._require_tokenizer()
        ids_BL = torch.full((len(prompts), length), tokenizer.padding)
        mask_BL = torch.zeros_like(ids_BL)
        for row, prompt in enumerate(prompts):
            ids = [token.id for token in tokenizer.read(clean(prompt))[: length - 1]]
            ids.append(tokenizer.end)
            ids_BL[row, : len(ids)] = torch.tensor(ids)
            mask_BL[row, : len(ids)] = 1
        return ids_BL, mask_BL

    def unread(self, prompt: str) -> str:
        """The end of a cleaned prompt that does not fit into `tokens` rows; '' if all of it does.

        An encoder without a tokenizer is a `CheckpointError`.
        """
        words, room = clean(prompt), self.config.tokens - 1
        tokens = self._require_tokenizer().read(words)
        return words[tokens[room - 1].end if room else 0 :].strip() if len(tokens) > room else ""

    def unknown_words(self, prompt: str) -> tuple[str, ...]:
        """The words of a cleaned prompt that the tokenizer has no token for, as written, each once.

        An encoder without a tokenizer is a `CheckpointError`.
        """
        words, tokenizer = clean(prompt), self._require_tokenizer()
        found = (
            words[token.start : token.end]
            for token in tokenizer.tokens(words)
            if token.id == tokenizer.unknown
        )
        return tuple(dict.fromkeys(found))

    def words(self, prompt: str) -> list[str]:
        """The words of a cleaned prompt as the tokenizer takes them, unknown ones in small letters.

        An encoder without a tokenizer is a `CheckpointError`.
        """
        text, tokenizer = clean(prompt), self._require_tokenizer()
        return [
            text[token.start : token.end].lower()
            if token.id == tokenizer.unknown
            else tokenizer.word(token)
            for token in tokenizer.tokens(text)
        ]

    @property
    def vocabulary(self) -> dict[str, int]:
        """Each token that the tokenizer knows, and its row in the table.

        An encoder without a tokenizer is a `CheckpointError`.
        """
        return self._require_tokenizer().vocabulary

    def _require_tokenizer(self) -> PromptTokenizer:
        if self.tokenizer is None:
            raise CheckpointError(
                "this text encoder has no tokenizer: give one, or call it with token ids"
            )
        return self.tokenizer

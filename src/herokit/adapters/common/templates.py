"""Whether a chat template opens the thinking at the end of a prompt, so that the completion begins inside it."""

from collections.abc import Sequence
from typing import Any

from herokit.conversations import MARKERS
from herokit.conversations.prompts import are_equal_prompts
from herokit.conversations.thinking import opens_thinking

__all__ = ["ChatTemplate"]

_QUESTION = [{"role": "user", "content": "?"}]


class ChatTemplate:
    """The chat template of a policy, read for one question: does it open the thinking behind this prompt?

    A template without an opening marker is never rendered. Another one is rendered for each prompt that differs from the one
    before, because some templates open the thinking depending on the system message.

    Args:
        tokenizer: a tokenizer or processor of transformers, or anything with its ``apply_chat_template``.
        chat_template: the template that the trainer uses in place of the tokenizer's own.
        settings: what the trainer passes to ``apply_chat_template``, such as ``enable_thinking``.

    Example:
        >>> class Tokenizer:
        ...     chat_template = "...<think>"
        ...     def apply_chat_template(self, messages, **settings):
        ...         return messages[-1]["content"] + ("<|assistant|><think>" if settings["add_generation_prompt"] else "")
        >>> template = ChatTemplate(Tokenizer())
        >>> template.opens_thinking([{"role": "user", "content": "2 + 2?"}]), template.opens_thinking("2 + 2?")
        (True, None)
    """

    def __init__(self, tokenizer: Any, chat_template: str | None = None, **settings: Any) -> None:
        self.tokenizer, self.settings = tokenizer, settings
        if chat_template is not None:
            self.settings = settings | {"chat_template": chat_template}
        text = chat_template or getattr(tokenizer, "chat_template", None)
        self.has_marker = not isinstance(text, str) or any(marker.opening.lower() in text.lower() for marker in MARKERS)
        self._last: tuple[Any, bool | None] | None = None

    def opens_thinking(self, prompt: Any) -> bool | None:
        """Return whether the template opens the thinking behind the messages of a prompt.

        Args:
            prompt: messages; a text is what the policy gets as it is, so the answer is None: its end says it.
        """
        if isinstance(prompt, str) or not hasattr(self.tokenizer, "apply_chat_template"):
            return None
        if not self.has_marker:
            return False
        if self._last is None or not are_equal_prompts(self._last[0], prompt):
            self._last = prompt, self._render(prompt)
        return self._last[1]

    def _render(self, prompt: Sequence[Any]) -> bool | None:
        """Render the prompt, or a plain question where the template refuses the prompt's messages."""
        for messages in (prompt, _QUESTION):
            try:
                text = self.tokenizer.apply_chat_template(
                    list(messages), add_generation_prompt=True, tokenize=False, **self.settings
                )
            except Exception:  # noqa: BLE001, S112 - a template is code of its own, which may raise anything
                continue
            return opens_thinking(text) if isinstance(text, str) else None
        return None

"""Readers of conversations: from the layouts of trainers, servers and logs to messages; `herokit.conversations` exports them."""

__all__: list[str] = []

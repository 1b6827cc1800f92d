"""Readers of conversations: from the layouts of trainers, servers and logs to messages of the chat format."""

from herokit.conversations.readers.layouts import (
    LAYOUTS,
    Layout,
    find_layout,
    read_conversation,
    read_conversations,
)
from herokit.conversations.readers.rollout import Conversation, check_results, split_messages

__all__ = [
    "LAYOUTS",
    "Conversation",
    "Layout",
    "check_results",
    "find_layout",
    "read_conversation",
    "read_conversations",
    "split_messages",
]

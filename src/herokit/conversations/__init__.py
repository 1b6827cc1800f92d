"""Conversations: messages in the chat format, what the policy thought, answered and called, and readers of other layouts.

`herokit.Sample` has the views that sources read: `messages`, `final_text`, `completion_text` and `turns`.
"""

from herokit.conversations.messages import Message, ToolCall, ToolResult, tool_calls
from herokit.conversations.readers.layouts import LAYOUTS, Layout, read_conversation, read_conversations
from herokit.conversations.readers.rollout import Conversation
from herokit.conversations.thinking import MARKERS, Marker, SplitText, split_thinking
from herokit.conversations.views import FinalText, Turn

__all__ = [
    "LAYOUTS",
    "MARKERS",
    "Conversation",
    "FinalText",
    "Layout",
    "Marker",
    "Message",
    "SplitText",
    "ToolCall",
    "ToolResult",
    "Turn",
    "read_conversation",
    "read_conversations",
    "split_thinking",
    "tool_calls",
]

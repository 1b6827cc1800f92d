"""Conversations: messages in the chat format, what the policy thought, answered and called, and readers of other layouts.

`herokit.Sample` has the views that sources read: `messages`, `final_text`, `completion_text` and `turns`.
"""

from herokit.conversations.messages import (
    ASSISTANT,
    Message,
    ToolCall,
    ToolResult,
    check_messages,
    has_images,
    message_text,
    message_thinking,
    tool_calls,
)
from herokit.conversations.prompts import (
    are_equal_prompts,
    check_group_prompts,
    compress_prompt,
    content_key,
    fill_images,
)
from herokit.conversations.readers.layouts import (
    LAYOUTS,
    Layout,
    find_layout,
    read_conversation,
    read_conversations,
    read_messages,
)
from herokit.conversations.readers.rollout import Conversation, check_results, find_truncation, split_messages
from herokit.conversations.thinking import MARKERS, Marker, SplitText, opens_thinking, split_thinking
from herokit.conversations.views import (
    FinalText,
    Turn,
    describe_turns,
    join_messages,
    read_final,
    read_policy_text,
    read_turns,
    remove_thinking,
)

__all__ = [
    "ASSISTANT",
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
    "are_equal_prompts",
    "check_group_prompts",
    "check_messages",
    "check_results",
    "compress_prompt",
    "content_key",
    "describe_turns",
    "fill_images",
    "find_layout",
    "find_truncation",
    "has_images",
    "join_messages",
    "message_text",
    "message_thinking",
    "opens_thinking",
    "read_conversation",
    "read_conversations",
    "read_final",
    "read_messages",
    "read_policy_text",
    "read_turns",
    "remove_thinking",
    "split_messages",
    "split_thinking",
    "tool_calls",
]

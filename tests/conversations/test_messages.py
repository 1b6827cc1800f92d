"""Messages of the chat format, as servers write them."""

from herokit import Sample
from herokit.conversations import read_conversation
from herokit.conversations.messages import message_thinking


def test_thinking_of_a_part_may_be_a_list_of_parts():
    """Mistral's; it became the repr of the list, which length, repetition and judges read."""
    content = [{"type": "thinking", "thinking": [{"type": "text", "text": "6 * 7 = "}, {"type": "text", "text": "42"}]}]
    message = {"role": "assistant", "content": [*content, {"type": "text", "text": "42"}]}
    assert message_thinking(message) == "6 * 7 = 42"
    (turn,) = Sample("6 * 7?", [message], "q").turns
    assert (turn.thinking, turn.text) == ("6 * 7 = 42", "42")
    conversation = read_conversation([{"role": "user", "content": "6 * 7?"}, message])
    assert conversation.completion[0]["reasoning_content"] == "6 * 7 = 42"

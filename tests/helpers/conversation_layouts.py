"""One rollout, written by hand in every layout: the policy thinks, multiplies with a tool, and answers."""

CHAT_CALL = {"id": "c1", "type": "function", "function": {"name": "multiply", "arguments": '{"a": 6, "b": 7}'}}
SYSTEM = {"role": "system", "content": "Use tools."}
USER = {"role": "user", "content": "6 * 7?"}
ANSWER = {"role": "assistant", "content": "It is 42."}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "42"}
OPENAI = [
    SYSTEM,
    USER,
    {"role": "assistant", "content": None, "reasoning_content": "I multiply.", "tool_calls": [CHAT_CALL]},
    RESULT,
    ANSWER,
]

ITEMS = [
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "I multiply."}]},
    {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "multiply", "arguments": '{"a": 6, "b": 7}'},
    {"type": "function_call_output", "call_id": "c1", "output": "42"},
    {"type": "message", "id": "m_1", "role": "assistant", "status": "completed",
     "content": [{"type": "output_text", "text": "It is 42.", "annotations": []}]},
]  # fmt: skip

TRL_CALL = {"type": "function", "function": {"name": "multiply", "arguments": {"a": 6, "b": 7}}}
TRL = {
    "prompt": [SYSTEM, USER],
    "completion": [
        {"role": "assistant", "content": "<think>I multiply.</think>", "tool_calls": [TRL_CALL]},
        {"role": "tool", "name": "multiply", "content": "42"},
        ANSWER,
    ],
}

TINKER = [
    SYSTEM,
    USER,
    {"role": "assistant", "content": [{"type": "thinking", "thinking": "I multiply."}],
     "tool_calls": [CHAT_CALL], "unparsed_tool_calls": []},
    RESULT,
    {"role": "assistant", "content": [{"type": "text", "text": "It is 42."}]},
]  # fmt: skip

NEMO_RL = {
    "message_log": [
        SYSTEM | {"token_ids": [1, 2]},
        USER | {"token_ids": [3, 4]},
        {"role": "assistant", "content": "<think>I multiply.</think>multiply(6, 7)", "token_ids": [5, 6, 7], "generation_logprobs": [-1.0, -1.0, -1.0]},
        {"role": "environment", "content": "42", "token_ids": [8]},
        ANSWER | {"token_ids": [9, 10], "generation_logprobs": [-0.5, -0.5]},
    ],
    "total_reward": 1.0,
}  # fmt: skip

VERIFIERS = {
    "prompt": [SYSTEM, USER],
    "completion": OPENAI[2:],
    "answer": "42",
    "reward": 1.0,
    "trajectory": [
        {"prompt": OPENAI[:2], "completion": OPENAI[2:3], "reward": 0.25, "advantage": None, "is_truncated": False},
        {"prompt": OPENAI[:4], "completion": OPENAI[4:], "reward": 0.75, "advantage": None, "is_truncated": False},
    ],
}

TRACE = {
    "id": "t",
    "reward": 1.0,
    "nodes": [
        {"parent": None, "message": SYSTEM, "sampled": False, "token_ids": [1]},
        {"parent": 0, "message": USER, "sampled": False, "token_ids": [2]},
        {"parent": 1, "sampled": True, "token_ids": [3, 4], "mask": [True, True], "message": {
            "role": "assistant", "content": None, "reasoning_content": "I multiply.",
            "tool_calls": [{"id": "c1", "name": "multiply", "arguments": '{"a": 6, "b": 7}'}]}},
        {"parent": 2, "message": RESULT, "sampled": False, "token_ids": [5]},
        {"parent": 3, "message": ANSWER, "sampled": True, "token_ids": [6, 7, 8], "mask": [True, True, False]},
    ],
}  # fmt: skip

VERL = {
    "raw_prompt": [SYSTEM, USER],
    "messages": OPENAI,
    "reward_score": 1.0,
    "response_mask": [1, 1, 0, 1],
    "num_turns": 4,
}

RLLM = {
    "id": "episode",
    "trajectories": [
        {
            "name": "solver",
            "reward": 1.0,
            "steps": [
                {"chat_completions": OPENAI[:3], "reward": 0.0, "response_ids": [1, 2], "done": False},
                {"chat_completions": OPENAI, "reward": 1.0, "response_ids": [3], "done": True},
            ],
        }
    ],
}

SKYRL = {
    "prompt": [SYSTEM, USER],
    "steps": [
        {"action": "<think>I multiply.</think><tool>multiply(6, 7)</tool>", "observations": [{"role": "user", "content": "42"}],
         "reward": 0.0, "done": False, "metadata": {}, "postprocessed_action": None},
        {"action": None, "postprocessed_action": "It is 42.", "observations": [], "reward": 1.0, "done": True, "metadata": {}},
    ],
}  # fmt: skip

OPENENV = [
    {"observation": {"done": False, "reward": None, "metadata": {}, "prompt": "6 * 7?"}, "reward": None, "done": False},
    {"action": {"type": "call_tool", "tool_name": "multiply", "arguments": {"a": 6, "b": 7}},
     "observation": {"done": False, "reward": 0.0, "metadata": {}, "tool_name": "multiply", "result": "42", "error": None},
     "reward": 0.0, "done": False},
    {"action": {"message": "It is 42."}, "observation": {"done": True, "reward": 1.0, "metadata": {}}, "reward": 1.0, "done": True},
]  # fmt: skip

INSPECT = {
    "id": 1,
    "epoch": 1,
    "input": "6 * 7?",
    "target": "42",
    "messages": [
        SYSTEM,
        USER | {"source": "input", "id": "u1"},
        {"role": "assistant", "source": "generate", "model": "m", "content": [{"type": "reasoning", "reasoning": "I multiply.", "redacted": False}],
         "tool_calls": [{"id": "c1", "function": "multiply", "arguments": {"a": 6, "b": 7}, "parse_error": None}]},
        {"role": "tool", "tool_call_id": "c1", "function": "multiply", "content": "42", "error": None},
        {"role": "assistant", "source": "generate", "content": "It is 42."},
    ],
    "output": {"choices": [{"message": ANSWER, "stop_reason": "stop"}], "completion": "It is 42."},
}  # fmt: skip

ATIF = {
    "schema_version": "ATIF-v1.6",
    "session_id": "s",
    "agent": {"name": "a", "version": "1"},
    "steps": [
        {"step_id": 1, "source": "system", "message": "Use tools."},
        {"step_id": 2, "source": "user", "message": "6 * 7?"},
        {"step_id": 3, "source": "agent", "message": "", "reasoning_content": "I multiply.",
         "tool_calls": [{"tool_call_id": "c1", "function_name": "multiply", "arguments": {"a": 6, "b": 7}}],
         "observation": {"results": [{"source_call_id": "c1", "content": "42"}]},
         "metrics": {"completion_token_ids": [1, 2, 3]}},
        {"step_id": 4, "source": "agent", "message": "It is 42.", "metrics": {"completion_tokens": 4}},
    ],
}  # fmt: skip

ANTHROPIC = {
    "system": "Use tools.",
    "messages": [
        USER,
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "I multiply.", "signature": "x"},
            {"type": "tool_use", "id": "c1", "name": "multiply", "input": {"a": 6, "b": 7}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "42"}], "is_error": False}]},
        {"role": "assistant", "content": [{"type": "text", "text": "It is 42."}]},
    ],
}  # fmt: skip

SHAREGPT = {
    "system": "Use tools.",
    "conversations": [
        {"from": "human", "value": "6 * 7?"},
        {"from": "function_call", "value": '{"name": "multiply", "arguments": {"a": 6, "b": 7}}'},
        {"from": "observation", "value": "42"},
        {"from": "gpt", "value": "It is 42."},
    ],
}

VALUES = {
    "openai-chat": OPENAI,
    "openai-responses": {"instructions": "Use tools.", "input": "6 * 7?", "output": ITEMS, "status": "completed"},
    "nemo-gym": {
        "responses_create_params": {"input": [SYSTEM, USER]},
        "response": {"output": [ITEMS[0] | {"generation_token_ids": [1, 2], "prompt_token_ids": [9]}, *ITEMS[1:]]},
        "reward": 1.0,
    },
    "trl": TRL,
    "verl": VERL,
    "verifiers": VERIFIERS,
    "verifiers-trace": TRACE,
    "tinker": TINKER,
    "nemo-rl": NEMO_RL,
    "rllm": RLLM,
    "skyrl": SKYRL,
    "openenv": OPENENV,
    "inspect": INSPECT,
    "atif": ATIF,
    "anthropic": ANTHROPIC,
    "sharegpt": SHAREGPT,
}
"""Layout -> the rollout in that layout."""

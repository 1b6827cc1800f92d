"""What the endpoints answer."""

import gc
import threading

import numpy as np
import pytest
from service_stubs import Short, make_group, make_parts_rewarder, make_rewarder, make_scheme_app, make_service
from starlette.testclient import TestClient

from herokit import Center, Rewarder, Select, chain
from herokit.combiners import ForParts
from herokit.records import from_rows
from herokit.service.engine import Engine, ScoreKey
from herokit.service.metrics import Metrics
from herokit.types import Sample


@pytest.fixture
def client():
    with TestClient(make_service()[0]) as client:
        yield client


def score(client, *samples, **settings):
    return client.post("/v1/score", json={"samples": [*samples], **settings})


def to_samples(rows):
    return [Sample(r["prompt"], r["completion"], r["group"], r["reference"]) for r in rows]


def test_score_equals_a_rewarder_in_this_process(client):
    rewarder = make_rewarder()
    for number in range(3):
        rows = make_group(f"a{number}", "4", "four", "5" * (number + 1), " 4 ") + make_group("b", "4", "44")
        answer = score(client, *rows).json()["rows"]
        expected = rewarder(to_samples(rows))
        for name in ("reward", "advantage", "weight"):
            np.testing.assert_array_equal([row[name] for row in answer], getattr(expected, name))
    assert client.get("/v1/state").json() == rewarder.state_dict()


def test_score_names_results_as_the_columns_of_result_files(client):
    rows = make_group(1, "4") + make_group(2, "4", reference=None)
    judged, failed = score(client, *rows).json()["rows"]
    assert judged == {
        "group": 1, "reward": judged["reward"], "advantage": 0.0, "weight": judged["weight"], "valid": True, "kept": True,
        "verifier": 1.0, "verifier_status": "judged", "verifier_reason": "", "verifier_answer": "4", "verifier_origin": "",
        "rm": -1.0, "rm_status": "judged", "rm_reason": "",
    }  # fmt: skip
    assert list(judged) == list(make_rewarder()(to_samples(rows)).columns())
    assert (failed["reward"], failed["valid"], failed["kept"]) == (None, False, False)
    assert (failed["verifier"], failed["verifier_status"], failed["verifier_reason"]) == (
        None,
        "failed",
        "no reference",
    )
    assert failed["rm"] == -1.0
    outputs = from_rows(make_rewarder().sources, [judged, failed])
    assert [verdict.value for verdict in outputs.verdicts["verifier"]] == [1.0, None]


def test_evaluation_and_single_sources_leave_the_state_alone(client):
    before = client.get("/v1/state").json()
    score(client, *make_group("a", "4", "55"), update_state=False)
    client.post("/v1/sources/rm", json={"samples": make_group("a", "4", "55")})
    client.post("/classify", json={"input": ["4", "55"]})
    assert client.get("/v1/state").json() == before


def test_state_can_be_read_and_restored(client):
    score(client, *make_group("a", "4", "55"))
    state = client.get("/v1/state").json()
    assert state["state"][-1]["count"] == 1
    score(client, *make_group("a", "4", "55"))
    assert client.put("/v1/state", json=state).status_code == 204
    assert client.get("/v1/state").json() == state


@pytest.mark.parametrize("part", [{"count": -1, "value": 0.5}, {"count": "1", "value": 0.5}, {"count": 1, "value": "x"},
                                  {"count": 10**300, "value": 0.5}, {"count": 1, "value": 1e300}, {"count": 1.5, "value": 1.0}, 3])  # fmt: skip
def test_state_that_no_run_can_produce_is_rejected(client, part):
    state = client.get("/v1/state").json()
    answer = client.put("/v1/state", json=state | {"state": [*state["state"][:-1], part]})
    assert answer.status_code == 422
    assert client.get("/v1/state").json() == state


def test_group_size_rejects_incomplete_groups(client):
    answer = score(client, *make_group("a", "4", "5"), *make_group("b", "4"), group_size=2)
    assert (answer.status_code, answer.json()["error"]) == (422, "group 'b' has 1 rollouts; expected group_size = 2")


def test_named_request_that_is_sent_again_is_counted_once(client):
    rows = make_group("a", "4", "55")
    first, again = (score(client, *rows, id="0123456789").json() for _ in range(2))
    assert first == again
    assert client.get("/v1/state").json()["state"][-1]["count"] == 1
    score(client, *rows, id="another-name")
    assert client.get("/v1/state").json()["state"][-1]["count"] == 2
    assert score(client, *rows, id="short").status_code == 422


def test_named_request_that_failed_is_run_again():
    app, dispatcher, model = make_service()
    with TestClient(app) as client:
        for _ in range(2):
            assert score(client, *make_group("a", "4", "explode"), id="0123456789").status_code == 500
        assert len(model.calls) == 2
        assert not dispatcher._answers
        assert dispatcher._answer_bytes == 0


def test_prompts_that_differ_inside_a_group_are_refused(client):
    rows = make_group("a", "4", "5")
    rows[1]["prompt"] = "3 + 3?"
    reply = score(client, *rows)
    assert reply.status_code == 422
    assert "group 'a' has different prompts: '2 + 2?' in row 0, '3 + 3?' in row 1" in reply.json()["error"]
    assert client.post("/v1/sources/verifier", json={"samples": rows}).status_code == 200  # it combines nothing
    assert score(client, *make_group("a", "4", "5")).status_code == 200


def test_single_source_and_misspelt_name(client):
    [row] = client.post("/v1/sources/verifier", json={"samples": make_group(0, "5")}).json()["rows"]
    assert row == {
        "verifier": 0.0,
        "verifier_status": "judged",
        "verifier_reason": "",
        "verifier_answer": "5",
        "verifier_origin": "",
    }
    missing = client.post("/v1/sources/verifer", json={"samples": make_group(0, "5")})
    assert missing.status_code == 404
    assert "did you mean 'verifier'?" in missing.json()["error"]


def test_openrlhf_gets_numbers_for_one_query_and_lists_for_several(client):
    one = client.post(
        "/get_reward", json={"query": ["2 + 2? 4<|im_end|>\n</s>"], "prompts": ["2 + 2?"], "labels": ["4"]}
    ).json()
    assert one["scores"] == 1.0
    assert one["rewards"] > 0.5
    assert one["extra_logs"] == {"verifier": 1.0, "rm": -2.0, "advantage": 0.0, "weight": one["extra_logs"]["weight"]}
    assert client.post("/get_reward", json={"query": "2+2? 4", "prompts": "2+2?", "labels": 4}).json()["scores"] == 1.0
    two = client.post("/get_reward", json={"query": ["4", "5"], "labels": ["4", "4"]}).json()
    assert two["scores"] == [1.0, 0.0]
    assert two["rewards"][0] > two["rewards"][1]
    uneven = client.post("/get_reward", json={"query": ["4", "5"], "labels": ["4"]})
    assert (uneven.status_code, uneven.json()["error"]) == (422, "'labels' has 1 entries; expected 2, as 'query' has")


def test_openrlhf_gets_an_error_for_a_row_without_a_reward(client):
    answer = client.post("/get_reward", json={"query": ["4"]})
    assert (answer.status_code, answer.json()["error"]) == (424, "row 0 has no reward: verifier: no reference")


def test_openrlhf_is_told_of_parts_without_a_value_and_not_of_a_filter():
    with TestClient(make_scheme_app(make_parts_rewarder())) as client:
        error = client.post("/get_reward", json={"query": ["4"]}).json()["error"]
    assert error == "row 0 has no reward: a part of it has no value, or the sources judge different parts"


def test_classify_answers_as_vllm_does(client):
    answer = client.post("/classify", json={"model": "rm", "input": ["abc", "a"], "use_activation": False}).json()
    assert [entry["probs"] for entry in answer["data"]] == [[-3.0], [-1.0]]
    assert [entry["index"] for entry in answer["data"]] == [0, 1]
    assert answer["object"] == "list"
    chat = [{"role": "user", "content": "Hm?"}, {"role": "assistant", "content": "abcd"}]
    assert client.post("/classify", json={"messages": chat}).json()["data"][0]["probs"] == [-4.0]
    squashed = client.post("/classify", json={"input": "a", "use_activation": True}).json()["data"][0]["probs"][0]
    assert squashed == pytest.approx(1 / (1 + np.exp(1)))
    for body in ({}, {"input": []}, {"input": "a", "messages": chat}, {"input": "a", "model": "verifier"}):
        assert client.post("/classify", json=body).status_code == 422


def test_broken_source_fails_only_its_request():
    app, _, model = make_service(batch_wait_s=0.1)
    with TestClient(app) as client:
        answers = {}

        def post(name, text):
            answers[name] = score(client, *make_group(name, "4", text))

        threads = [threading.Thread(target=post, args=pair) for pair in (("good", "5"), ("bad", "explode"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert max(model.calls) == 4  # they ran together, then alone
        assert answers["good"].status_code == 200
        assert answers["bad"].status_code == 500
        assert "returned 3 results for 2 samples" in answers["bad"].json()["error"]
        assert score(client, *make_group("good", "4", "5")).status_code == 200


class OneSample:
    def verify(self, sample):
        return float(sample.completion == sample.reference)


class Down:
    def verify(self, samples):
        raise ConnectionError("refused")


def test_request_with_an_error_of_a_source_code_gets_it(monkeypatch):
    monkeypatch.setattr("service_stubs.Exact", OneSample)
    with TestClient(make_service()[0]) as client:
        answer = score(client, *make_group("a", "4", "5"))
    assert answer.status_code == 500
    assert "verifier 'verifier' raised AttributeError: 'list' object has no" in answer.json()["error"]


def test_rows_of_a_source_that_is_down_have_its_reason_and_no_reward(monkeypatch):
    monkeypatch.setattr("service_stubs.Exact", Down)
    with TestClient(make_service()[0]) as client:
        rows = score(client, *make_group("a", "4", "5")).json()["rows"]
    assert [row["reward"] for row in rows] == [None, None]
    assert {row["verifier_reason"].partition(" (")[0] for row in rows} == {"raised ConnectionError: refused"}


def test_health_and_metrics(client):
    assert client.get("/healthz").json() == {"status": "ok", "waiting_rows": 0}
    score(client, *make_group("a", "4", "5"), *make_group("b", "4", reference=None))
    client.get("/no/such/path")
    text = client.get("/metrics").text
    for line in (
        'herokit_rows_total{source="verifier",status="judged"} 2.0',
        'herokit_rows_total{source="verifier",status="failed"} 1.0',
        'herokit_requests_total{code="200",path="/v1/score"} 1.0',
        'herokit_requests_total{code="404",path="other"} 1.0',
        "herokit_batch_rows_sum 3.0",
        "herokit_waiting_rows 0.0",
    ):
        assert line in text.splitlines(), line


def test_shutdown_saves_the_state(tmp_path):
    app, dispatcher, _ = make_service(state_path=tmp_path / "state.json")
    with TestClient(app) as client:
        score(client, *make_group("a", "4", "55"))
        state = client.get("/v1/state").json()
    assert dispatcher.draining
    _, dispatcher, _ = make_service(state_path=tmp_path / "state.json")
    assert dispatcher.engine.load_state()
    assert dispatcher.engine.rewarder.state_dict() == state
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_samples_may_be_conversations_with_native_references(client):
    user = {"role": "user", "content": "2 + 2?"}
    call = {"id": "a", "type": "function", "function": {"name": "add", "arguments": {"x": 2}}}
    turns = [
        {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "4"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "<think>5</think>4"}]},
    ]
    fields = {"group": "g", "reference": 4, "num_tokens": 9, "truncated": False, "thinking_opened": False}
    rows = score(
        client, {"prompt": [user], "completion": turns, **fields}, {"prompt": "p", "completion": "5", "group": "h"}
    )
    first, second = rows.json()["rows"]
    assert (first["verifier"], first["verifier_answer"]) == (1.0, "4")
    assert first["rm"] == -float(len(Sample([user], turns, 0).completion_text))
    assert second["verifier"] is None
    chat = {"messages": [user, turns[2]]}
    assert client.post("/classify", json=chat).json()["data"][0]["probs"] == [-17.0]
    for broken in ({"messages": [{"content": "4"}]}, {"messages": [{"role": "user", "content": [{"type": "clip"}]}]}):
        answer = client.post("/classify", json=broken)
        assert answer.status_code == 422
        assert "messages" in answer.json()["error"]


def test_protocol_without_credit_refuses_a_scheme_that_ends_with_it():
    app, dispatcher, _ = make_service()
    steps = chain(Select("rm"), Center(), ForParts(chain(Select("rm"), Center()), weight=0.5))
    dispatcher.engine.rewarder = Rewarder({"rm": Short()}, steps)
    with TestClient(app) as client:
        refused = client.post("/get_reward", json={"query": ["4", "55"]})
        row = score(client, *make_group("a", "4", "55")).json()["rows"][0]
    assert refused.status_code >= 400
    assert "/get_reward takes one number a rollout, but step 3 of the chain, ForParts, gives credit" in refused.text
    assert (row["advantage"], row["credit"]) == (0.75, [0.75])


def test_asynchronous_sources_are_opened_and_awaited(recwarn):
    class Late:
        async def verify(self, samples):
            return [float(s.completion == s.reference) for s in samples]

    rewarder = Rewarder({"verifier": Late()}, chain(Select("verifier"), Center()))
    engine = Engine(rewarder, Metrics())
    engine.open_sources()
    (rows,) = engine.run(ScoreKey(), [to_samples(make_group(1, "4", "5"))])
    assert [row["verifier"] for row in rows] == [1.0, 0.0]
    gc.collect()
    assert not [str(w.message) for w in recwarn if "never awaited" in str(w.message)]

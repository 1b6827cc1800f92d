import numpy as np
import pytest
from service_stand_ins import group, rewarder, service
from starlette.testclient import TestClient

from herokit.types import Sample


@pytest.fixture
def client():
    with TestClient(service()[0]) as made:
        yield made


def direct(made, rows, **options):
    return made([Sample(r["prompt"], r["completion"], r["group"], r["reference"]) for r in rows], **options)


def test_rewards_are_those_of_a_rewarder_in_this_process(client):
    here = rewarder()
    for number in range(3):
        rows = group(f"a{number}", "4", "four", "5" * (number + 1), " 4 ") + group("b", "4", "44")
        found = client.post("/v1/score", json={"samples": rows}).json()["rows"]
        expected = direct(here, rows)
        for name in ("reward", "advantage", "weight"):
            np.testing.assert_array_equal([row[name] for row in found], getattr(expected, name))
    assert client.get("/v1/state").json() == here.state_dict()


def test_a_row_says_what_every_source_said(client):
    [row, lost] = client.post("/v1/score", json={"samples": group(1, "4") + group(2, "4", reference=None)}).json()[
        "rows"
    ]
    assert row["sources"] == {
        "verifier": {"value": 1.0, "status": "judged", "reason": "", "answer": "4", "steps": None},
        "rm": {"value": -1.0, "status": "judged", "reason": "", "answer": None, "steps": None},
    }
    assert lost["reward"] is None
    assert lost["problem"] == "verifier: no reference"
    assert lost["sources"]["verifier"]["status"] == "failed"
    assert lost["sources"]["rm"]["value"] == -1.0


def test_evaluation_leaves_no_trace(client):
    before = client.get("/v1/state").json()
    client.post("/v1/score", json={"samples": group("a", "4", "55"), "update_state": False})
    client.post("/v1/sources/rm", json={"samples": group("a", "4", "55")})
    client.post("/classify", json={"input": ["4", "55"]})
    assert client.get("/v1/state").json() == before


def test_a_state_goes_out_and_in(client):
    client.post("/v1/score", json={"samples": group("a", "4", "55")})
    state = client.get("/v1/state").json()
    assert state["state"][-1]["count"] == 1
    client.post("/v1/score", json={"samples": group("a", "4", "55")})
    assert client.put("/v1/state", json=state).status_code == 204
    assert client.get("/v1/state").json() == state


@pytest.mark.parametrize("part", [{"count": -1, "value": 0.5}, {"count": "1", "value": 0.5}, {"count": 1, "value": "x"},
                                  {"count": 10**300, "value": 0.5}, {"count": 1, "value": 1e300}, {"count": 1.5, "value": 1.0}, 3])  # fmt: skip
def test_a_state_that_no_run_could_have_left_is_refused(client, part):
    state = client.get("/v1/state").json()
    refused = client.put("/v1/state", json=state | {"state": [*state["state"][:-1], part]})
    assert refused.status_code == 422
    assert client.get("/v1/state").json() == state


def test_incomplete_groups_are_refused_where_the_size_is_known(client):
    refused = client.post("/v1/score", json={"samples": group("a", "4", "5") + group("b", "4"), "group_size": 2})
    assert (refused.status_code, refused.json()["error"]) == (422, "group 'b' has 1 rollouts, group_size says 2")


def test_a_request_that_is_sent_again_is_counted_once(client):
    body = {"samples": group("a", "4", "55"), "id": "0123456789"}
    first, again = (client.post("/v1/score", json=body).json() for _ in range(2))
    assert first == again
    assert client.get("/v1/state").json()["state"][-1]["count"] == 1
    client.post("/v1/score", json=body | {"id": "another-name"})
    assert client.get("/v1/state").json()["state"][-1]["count"] == 2
    assert client.post("/v1/score", json=body | {"id": "short"}).status_code == 422


def test_a_named_request_that_failed_is_tried_anew():
    app, desk, model = service()
    with TestClient(app) as client:
        body = {"samples": group("a", "4", "explode"), "id": "0123456789"}
        for _ in range(2):
            assert client.post("/v1/score", json=body).status_code == 500
        assert len(model.calls) == 2
        assert not desk._kept
        assert desk._kept_rows == 0


def test_answers_are_kept_for_as_many_rows_as_the_queue_holds():
    app, desk, _ = service(queue=6)
    with TestClient(app) as client:
        for number in range(5):
            client.post("/v1/score", json={"samples": group("a", "4", "5"), "id": f"request-{number}"})
        assert list(desk._kept) == ["request-2", "request-3", "request-4"]
        assert desk._kept_rows == 6


def test_one_source_alone(client):
    [row] = client.post("/v1/sources/verifier", json={"samples": group(0, "5")}).json()["rows"]
    assert row == {"value": 0.0, "status": "judged", "reason": "", "answer": "5", "steps": None}
    missing = client.post("/v1/sources/verifer", json={"samples": group(0, "5")})
    assert missing.status_code == 404
    assert "did you mean 'verifier'?" in missing.json()["error"]


def test_openrlhf_gets_numbers_for_one_query_and_lists_for_several(client):
    one = client.post(
        "/get_reward", json={"query": ["2 + 2? 4<|im_end|>\n</s>"], "prompts": ["2 + 2?"], "labels": ["4"]}
    )
    assert one.json()["scores"] == 1.0
    assert one.json()["rewards"] > 0.5
    assert one.json()["extra_logs"]["rm"] == -2.0
    assert client.post("/get_reward", json={"query": "2+2? 4", "prompts": "2+2?", "labels": 4}).json()["scores"] == 1.0
    two = client.post("/get_reward", json={"query": ["4", "5"], "labels": ["4", "4"]}).json()
    assert two["scores"] == [1.0, 0.0]
    assert two["rewards"][0] > two["rewards"][1]


def test_openrlhf_has_no_place_for_a_failure_so_it_is_an_error(client):
    failed = client.post("/get_reward", json={"query": ["4"]})
    assert (failed.status_code, failed.json()["error"]) == (424, "row 0 has no reward: verifier: no reference")


def test_classify_answers_as_vllm_does(client):
    found = client.post("/classify", json={"model": "rm", "input": ["abc", "a"], "use_activation": False}).json()
    assert [d["probs"] for d in found["data"]] == [[-3.0], [-1.0]]
    assert [d["index"] for d in found["data"]] == [0, 1]
    assert found["object"] == "list"
    chat = [{"role": "user", "content": "Hm?"}, {"role": "assistant", "content": "abcd"}]
    assert client.post("/classify", json={"messages": chat}).json()["data"][0]["probs"] == [-4.0]
    squashed = client.post("/classify", json={"input": "a", "use_activation": True}).json()["data"][0]["probs"][0]
    assert squashed == pytest.approx(1 / (1 + np.exp(1)))
    for wrong in ({}, {"input": []}, {"input": "a", "messages": chat}, {"input": "a", "model": "verifier"}):
        assert client.post("/classify", json=wrong).status_code == 422


def test_a_broken_source_fails_its_request_alone():
    app, desk, model = service(linger=0.1)
    with TestClient(app) as client:
        import threading

        answers = {}

        def post(name, text):
            answers[name] = client.post("/v1/score", json={"samples": group(name, "4", text)})

        threads = [threading.Thread(target=post, args=pair) for pair in (("good", "5"), ("bad", "explode"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert max(model.calls) == 4  # they were asked together, then alone
        assert answers["good"].status_code == 200
        assert answers["bad"].status_code == 500
        assert "returned 3 results for 2 samples" in answers["bad"].json()["error"]
        assert desk.batcher.works


def test_health_and_metrics(client):
    assert client.get("/healthz").json() == {"status": "ok", "waiting_rows": 0}
    client.post("/v1/score", json={"samples": group("a", "4", "5") + group("b", "4", reference=None)})
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


def test_shutting_down_closes_and_saves(tmp_path):
    app, desk, _ = service(state=tmp_path / "state.json")
    with TestClient(app) as client:
        client.post("/v1/score", json={"samples": group("a", "4", "55")})
        state = client.get("/v1/state").json()
    assert not desk.batcher.works
    app, desk, _ = service(state=tmp_path / "state.json")
    assert desk.keeper.load()
    assert desk.keeper.rewarder.state_dict() == state
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]

from herokit.testing import QUICK, check_reward_model
from herokit_onnx import OnnxRewardModel


def test_embedded_model_satisfies_the_laws():
    report = check_reward_model(OnnxRewardModel(threads=1), profile=QUICK)
    assert report.passed, str(report)


def test_other_model_satisfies_the_laws(make_model):
    model = OnnxRewardModel(str(make_model()), max_length=64, threads=1)
    report = check_reward_model(model, profile=QUICK)
    assert report.passed, str(report)

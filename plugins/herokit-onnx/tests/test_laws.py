from herokit.testing import QUICK, check_reward_model
from herokit_onnx import OnnxRewardModel


def test_the_embedded_model_keeps_the_laws_of_reward_models():
    report = check_reward_model(OnnxRewardModel(threads=1), profile=QUICK)
    assert report.passed, str(report)


def test_a_model_of_ones_own_keeps_them_too(make_model):
    report = check_reward_model(OnnxRewardModel(str(make_model()), max_tokens=64, threads=1), profile=QUICK)
    assert report.passed, str(report)

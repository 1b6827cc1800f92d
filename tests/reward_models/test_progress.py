import threading

import pytest

from herokit.reward_models.progress import report_progress, track_progress


def test_progress_goes_to_the_innermost_tracker_and_to_the_callback():
    calls = []
    with track_progress(lambda done, total: calls.append(("outer", done, total))):
        with track_progress(lambda done, total: calls.append(("inner", done, total))):
            report_progress(1, 3, callback=lambda done, total: calls.append(("own", done, total)))
        report_progress(2, 3)
        thread = threading.Thread(target=report_progress, args=(3, 3))
        thread.start()
        thread.join()
    report_progress(3, 3)
    assert calls == [("own", 1, 3), ("inner", 1, 3), ("outer", 2, 3)]


def test_tracker_is_removed_when_scoring_raises():
    calls = []
    with pytest.raises(OSError, match="gone"), track_progress(lambda *both: calls.append(both)):
        raise OSError("gone")
    report_progress(1, 1)
    assert calls == []

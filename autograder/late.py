"""What handing in late costs: a share of the score for each day begun, after a time of grace."""

import math

from nbgrader.plugins import LateSubmissionPlugin
from traitlets import Float


class LatePenalty(LateSubmissionPlugin):
    """For nbgrader's AssignLatePenalties: compares timestamp.txt with the due date in the gradebook."""

    per_day = Float(0.0, min=0, max=1, help="share of the score that each day begun costs; 0: nothing").tag(
        config=True
    )
    grace_minutes = Float(15.0, min=0, help="minutes after the due date that are not late").tag(config=True)
    most = Float(1.0, min=0, max=1, help="share of the score that is lost at most").tag(config=True)

    def late_submission_penalty(self, student_id, score, total_seconds_late):
        """Points to take off; None where nothing is."""
        seconds = total_seconds_late - 60 * self.grace_minutes
        if seconds <= 0 or not self.per_day:
            return None
        return score * min(self.most, self.per_day * math.ceil(seconds / 86_400))

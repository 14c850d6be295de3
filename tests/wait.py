"""How tests wait: for events, never for clocks. The only place in which a test sleeps."""
import time

POLL_S = 0.02

# For scripts of checks that must not end by themselves. tail would end with the reader of its standard output; it holds
# the check's pipe by its standard error.
HANG = "tail -f /dev/null >/dev/null"


class TooLate(AssertionError):
    pass


def wait_for(condition, what, seconds=15, pause_s=POLL_S, errors=()):
    """Asks until the answer is true, and returns it; one of `errors` counts as an answer that is not."""
    end = time.monotonic() + seconds
    while True:
        try:
            answer = condition()
            if answer:
                return answer
        except errors as error:
            answer = error
        if time.monotonic() > end:
            raise TooLate(f"not within {seconds} s: {what}; last seen: {answer!r:.2000}")
        time.sleep(pause_s)


def nothing_happens_for(seconds, why, check):
    """For what no event can prove: `check` asserts that all is as it was, again and again. `why` names what takes that
    long and tells nobody."""
    end = time.monotonic() + seconds

    def is_over():
        check()
        return time.monotonic() > end
    wait_for(is_over, why, 2 * seconds + 60)

from herokit import Verdict
from herokit.hookspecs import hookimpl


class Exact:
    def verify(self, samples):
        return [Verdict(float(s.completion.strip() == s.reference)) for s in samples]


@hookimpl
def herokit_register(register):
    register.verifier("exact", "herokit_exact:Exact")

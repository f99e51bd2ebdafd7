"""Every kernel compiles for NVIDIA's GPUs, without a warning; no GPU is needed to know."""

import host_kernels
import nvrtc
import pytest

from tinygen.backend.cuda.source import options, source

pytestmark = pytest.mark.skipif(nvrtc.library() is None, reason=nvrtc.WHY_NOT)

FROM_CUPY = ("-ftz=true",)  # which CuPy adds


def compiled(text: str, real: str, architecture: str) -> tuple[bytes, str]:
    return nvrtc.compiled(text, (f"-arch={architecture}", *FROM_CUPY, *options(real)))


@pytest.mark.parametrize("real", ["float", "double"])
@pytest.mark.parametrize("architecture", ["sm_75", "sm_90"])
def test_all_kernels_compile_without_a_warning(architecture, real):
    code, log = compiled(source(), real, architecture)
    assert not log, log
    missing = [name for name in host_kernels.kernels() if f".text.{name}\0".encode() not in code]
    assert not missing


def test_a_mistake_is_told_with_its_line():
    with pytest.raises(nvrtc.CompileError, match=r"kernels\.cu\(\d+\): error"):
        compiled(source().replace("FOR_EACH(i, n)", "FOR_EACH(i, m)", 1), "float", "sm_90")


def test_an_unused_variable_is_a_warning():
    planted = source() + "\nKERNEL idle(Real* x) { const Real unused = x[0]; }\n"
    _, log = compiled(planted, "float", "sm_90")
    assert "unused" in log

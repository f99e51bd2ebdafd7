"""The names that CuPy 14 has and the strict backend therefore offers. (CI has no CuPy to ask.)

All of these were looked up in CuPy 14.2. Names absent here are absent there, or have not been
needed: `linalg.vector_norm`, `errstate`, `block`, `unstack` and `ndarray.__array_namespace__`, for
instance, do not exist in CuPy.
"""


def words(text: str) -> list[str]:
    return text.split()


UFUNCS = words("""
    add subtract multiply divide true_divide floor_divide power remainder mod fmod negative
    positive absolute abs fabs sign exp exp2 expm1 log log2 log10 log1p sqrt square cbrt
    reciprocal sin cos tan arcsin arccos arctan arctan2 hypot sinh cosh tanh arcsinh arccosh
    arctanh deg2rad rad2deg bitwise_and bitwise_or bitwise_xor invert left_shift right_shift
    greater greater_equal less less_equal equal not_equal logical_and logical_or logical_not
    logical_xor maximum minimum fmax fmin isfinite isinf isnan signbit copysign nextafter
    ldexp floor ceil rint trunc logaddexp matmul
""")
REDUCTIONS = words("sum prod mean var std max min any all argmax argmin cumsum cumprod")
VIEWING_METHODS = words("reshape transpose swapaxes squeeze ravel diagonal view")
VIEWS = words("""
    reshape transpose swapaxes squeeze ravel diagonal view moveaxis expand_dims broadcast_to
    broadcast_arrays flip split array_split atleast_1d atleast_2d real imag
""")
FREE = [*VIEWS, *words("empty empty_like result_type")]
SYNCING = words("nonzero unique bincount argwhere flatnonzero histogram allclose array_equal")
IN_PLACE = words("fill sort copyto")
OTHER_METHODS = words("astype fill take repeat clip round trace dot sort argsort flatten conj")
FUNCTIONS = [
    *REDUCTIONS, *(name for name in VIEWS if name != "view"), *SYNCING, *words("""
    amax amin where clip zeros ones empty full zeros_like ones_like empty_like full_like arange
    linspace eye identity tri tril triu diag copy ascontiguousarray concatenate stack vstack hstack
    roll rot90 repeat tile pad take take_along_axis sort argsort searchsorted dot vdot inner outer
    tensordot einsum trace kron count_nonzero isclose nan_to_num diff meshgrid indices round
    result_type copyto
""")]  # fmt: skip
LINALG = words("""
    cholesky qr svd eigh eigvalsh det slogdet norm solve inv pinv lstsq matrix_rank matrix_power
""")
CONSTANTS = words("""
    pi e inf nan newaxis float16 float32 float64 int8 int16 int32 int64 uint8 uint32 uint64 bool_
    dtype complex64 complex128
""")
LACKING_KEYWORDS = {"where", "initial", "device", "like", "subok", "writeable", "mode", "stable"}
PRESENT_KEYWORDS = {"copyto": {"where"}, "pad": {"mode"}, "qr": {"mode"}}
ATTRIBUTES = words("shape dtype ndim size nbytes itemsize strides")
OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide",
    "floordiv": "floor_divide", "mod": "remainder", "pow": "power", "matmul": "matmul",
    "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal",
    "ne": "not_equal", "neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert",
}  # fmt: skip
COMPARISONS = {"lt", "le", "gt", "ge", "eq", "ne"}
UNARY = {"neg", "pos", "abs", "invert"}

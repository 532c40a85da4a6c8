# Noise as an input: elements that are made where they are wanted, and never exist in memory.


cdef object WORDS_PER_KEY = 1 << 130  # of 32 bits; half as many of 64
cdef object NOTHING = bytes(16)  # the memory of an array of which only shape and type are looked at


cdef class Stream:
    """Standard normals as an input of an operation, made where they are wanted.

    An operation that takes an array with a value per element takes a Stream in its place: the
    result has the same bits as with ``noise.normal(shape, key=key, counter=counter)`` of the
    precision that the operation computes in, where `shape` is the one that the other inputs
    broadcast to; but the noise never exists in memory, and the same Stream has it made again.

    Parameters
    ----------
    key : int
        Which stream, ``0 <= key < 2**64``.
    counter : int, optional
        The index of the first element, ``0 <= counter < 2**130``.

    Raises
    ------
    TypeError
        If `key` or `counter` is no integer.
    ValueError
        If one of them is out of range.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> mu, stream = np.zeros((2, 3)), fastgen.noise.Stream(1)
    >>> fastgen.vae.gaussian_nll(stream, mu, 0.0)
    array([2.87317298, 3.47237664])
    >>> fastgen.vae.gaussian_nll(fastgen.noise.normal((2, 3), key=1), mu, 0.0)
    array([2.87317298, 3.47237664])
    """

    cdef fg_stream place[2]  # by precision: a word of double is two of float
    cdef cnp.ndarray like    # where the stream is the only input: shape and type of the result
    cdef readonly object key
    cdef readonly object counter

    def __init__(self, key, counter=0, *, int noise=0):
        self.key = checked_index(key, "key", 1 << 64)
        self.counter = checked_index(counter, "counter", WORDS_PER_KEY)
        for wide in range(2):
            block, word = divmod(self.counter, 2 if wide else 4)
            self.place[wide].noise = <fg_noise>noise
            self.place[wide].key = self.key
            self.place[wide].block_low = block & 0xffffffffffffffff
            self.place[wide].block_high = block >> 64 & 0xffffffffffffffff
            self.place[wide].word = word

    def __repr__(self):
        return f"Stream({self.key}, counter={self.counter})"

    def __eq__(self, other):
        if type(other) is not Stream:
            return NotImplemented
        return (self.key == other.key and self.counter == other.counter
                and self.place[0].noise == (<Stream>other).place[0].noise)

    def __hash__(self):
        return hash((self.key, self.counter))

    def __array__(self, *args, **kwargs):
        raise TypeError("a Stream has no shape: pass it where noise is taken, or draw its elements "
                        "with fastgen.noise.normal(shape, key=, counter=)")


cdef object checked_index(x, str name, limit):
    if isinstance(x, (bool, np.bool_)) or not hasattr(x, "__index__"):
        raise TypeError(f"{name} must be an integer, got {x!r}")
    x = int(x)
    if not 0 <= x < limit:
        raise ValueError(
            f"{name} must lie in 0 <= {name} < 2**{limit.bit_length() - 1}, got {x}")
    return x


def draw(Op op, Stream stream, tuple shape, dtype, out=None):
    """The stream's elements as an array; `op` copies its only input."""
    stream.like = np.ndarray(shape, dtype, NOTHING, 0, (0,) * len(shape))
    if storage_of(stream.like) < 0 or not cnp.PyArray_ISNOTSWAPPED(stream.like):
        raise TypeError(_messages.draw_dtype(op.name, dtype))
    return call_general(op, (stream,), -1, False, out, ALL_OUTPUTS)


cdef cnp.ndarray standing_for(Op op, int k, Stream stream):
    """What the general path sees of a stream: nothing that shapes the result of other inputs."""
    if op.facts.lanes or op.facts.per_row >> k & 1:
        raise TypeError(_messages.stream_refused(op.name, k))
    return cnp.PyArray_EMPTY(0, NULL, cnp.NPY_DOUBLE, 0) if stream.like is None else stream.like


cdef int place_streams(Op op, tuple inputs, fg_dtype storage, space *s,
                       fg_problem *problem) except -1:
    """Elements are numbered as those of the broadcast shape are, whatever the order of the walk."""
    cdef ptrdiff_t[FG_MAX_DIMS] step
    cdef int i, k
    for k in range(op.facts.nin):
        if type(inputs[k]) is not Stream:
            continue
        for i in range(s.ndim - 1, -1, -1):
            step[i] = 1 if i == s.ndim - 1 else step[i + 1] * s.shape[i + 1]
        place_stream(&problem.operand[k], inputs[k], storage)
        for i in range(s.ndim):
            problem.operand[k].stride[i] = step[s.order[i]]
    return 0


cdef inline void place_stream(fg_operand *operand, Stream stream, fg_dtype storage) noexcept:
    operand.data, operand.dtype = <char *>&stream.place[storage == FG_F64], FG_STREAM

# Noise as an input: a stream of random numbers that the kernels make as they need them.


cdef object WORDS_PER_KEY = 1 << 130  # of 32 bits; half as many of 64
cdef object ELEMENTS_PER_CELL = 1 << 64  # of a Brownian motion
cdef object NOTHING = bytes(16)  # memory of arrays that only have a shape and a dtype


cdef class Stream:
    """Standard normals as an input of an operation, made as they are needed.

    An operation takes a Stream in place of an array with a value per element. The result has the
    same bits as with ``noise.normal(shape, key=key, counter=counter)`` in the precision that the
    operation computes in, where `shape` is the shape that the other inputs broadcast to. The noise
    never exists in memory. The same Stream gives the same noise again.

    Parameters
    ----------
    key : int
        The number of the stream, ``0 <= key < 2**64``.
    counter : int, optional
        The index of the first element, ``0 <= counter < 2**130``.

    Raises
    ------
    TypeError
        If `key` or `counter` is not an integer.
    ValueError
        If `key` or `counter` is out of range.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> mu, stream = np.zeros((2, 3)), fastgen.noise.Stream(1)
    >>> fastgen.vae.gaussian_nll(stream, mu, 0.0)
    array([2.87317298, 3.47237664])
    >>> fastgen.vae.gaussian_nll(fastgen.noise.normal((2, 3), key=1), mu, 0.0)
    array([2.87317298, 3.47237664])
    """

    cdef fg_stream place[2]  # for float32 and float64, which takes twice as many random words
    cdef cnp.ndarray like    # shape and dtype of the result, if the stream is the only input
    cdef readonly object key
    cdef readonly object counter
    cdef object increment    # of a Brownian motion: an Increment, whose cells `place` points to

    def __init__(self, key, counter=0, *, int noise=0, increment=None):
        if noise not in range(FG_NORMAL, FG_BROWNIAN + (increment is not None)):
            raise ValueError(f"noise must be 0, 1 or 2 (normal, uniform, bits), got {noise}")
        self.key = checked_index(key, "key", 1 << 64)
        self.counter = checked_index(counter, "counter", WORDS_PER_KEY)
        for precision in range(2):
            block, word = divmod(self.counter, 2 if precision == FG_DOUBLE else 4)
            self.place[precision].noise = <fg_noise>noise
            self.place[precision].key = self.key
            self.place[precision].block_low = block & 0xffffffffffffffff
            self.place[precision].block_high = block >> 64 & 0xffffffffffffffff
            self.place[precision].word = word
        if increment is not None:
            checked_index(counter, "counter", ELEMENTS_PER_CELL)
            self.place_cells(increment)

    cdef place_cells(self, increment):
        """Make the stream an increment of a Brownian motion."""
        cdef cnp.ndarray cells = increment.cells
        self.increment = increment
        for precision in range(2):
            self.place[precision].noise = FG_BROWNIAN
            self.place[precision].cells = <const fg_cell *>cnp.PyArray_DATA(cells)
            self.place[precision].cell_count = len(cells)
            self.place[precision].scale = increment.scale

    def moved(self, count):
        """Return the stream whose first element is element `count` of this one."""
        noise = self.place[0].noise
        return Stream(self.key, self.counter + count, noise=noise, increment=self.increment)

    def __reduce__(self):
        return stream_of, (self.key, self.counter, self.place[0].noise, self.increment)

    def __repr__(self):
        return f"Stream({self.key}, counter={self.counter})"

    def __eq__(self, other):
        if type(other) is not Stream:
            return NotImplemented
        return (self.key == other.key and self.counter == other.counter
                and self.place[0].noise == (<Stream>other).place[0].noise
                and self.increment == (<Stream>other).increment)

    def __hash__(self):
        return hash((self.key, self.counter))

    def __array__(self, *args, **kwargs):
        raise TypeError("a Stream has no shape: pass it where noise is taken, or draw its elements "
                        "with fastgen.noise.normal(shape, key=, counter=)")


def stream_of(key, counter, noise, increment):
    """Return the stream with these parts, for pickles."""
    return Stream(key, counter, noise=noise, increment=increment)


cdef object checked_index(x, str name, limit):
    if isinstance(x, (bool, np.bool_)) or not hasattr(x, "__index__"):
        raise TypeError(f"{name} must be an integer, got {x!r}")
    x = int(x)
    if not 0 <= x < limit:
        raise ValueError(
            f"{name} must lie in 0 <= {name} < 2**{limit.bit_length() - 1}, got {x}")
    return x


def draw(Op op, Stream stream, tuple shape, dtype, out=None):
    """Return the elements of a stream as an array. `op` is an operation that copies its input."""
    stream.like = np.ndarray(shape, dtype, NOTHING, 0, (0,) * len(shape))
    if storage_of(stream.like) < 0 or not cnp.PyArray_ISNOTSWAPPED(stream.like):
        raise TypeError(_messages.draw_dtype(op.name, dtype))
    return call_general(op, (stream,), -1, False, out, ALL_OUTPUTS)


cdef cnp.ndarray standing_for(Op op, int k, Stream stream):
    """The array by which the general path knows a stream: a number, which broadcasts, or `like`."""
    if op.row.facts.lanes or op.row.facts.per_row >> k & 1:
        raise TypeError(_messages.stream_refused(op.name, k))
    return cnp.PyArray_EMPTY(0, NULL, cnp.NPY_DOUBLE, 0) if stream.like is None else stream.like


cdef void place_streams(tuple inputs, fg_dtype storage, fg_array *arrays):
    """Describe to C the inputs that are streams."""
    cdef int k
    for k, x in enumerate(inputs):
        if type(x) is Stream:
            arrays[k].data = &(<Stream>x).place[storage == FG_F64]
            arrays[k].dtype = FG_STREAM


cdef inline void place_stream(fg_operand *operand, Stream stream, fg_dtype storage) noexcept:
    operand.data, operand.dtype = <char *>&stream.place[storage == FG_F64], FG_STREAM

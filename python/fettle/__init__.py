"""Fettle for Python: batches for training from files of any format, without a copy.

    import fettle
    loader = fettle.Loader("train.fts", batch=64, shuffle="full", transforms="random_crop=224,flip,normalise=imagenet")
    for batch in loader:                      # the epoch; after its end, the next `for` is the next one
        images, labels = batch["image"], batch["label"]          # NumPy arrays, views of the batch
        tensors = batch.torch()                                   # or tensors, by DLPack

A thin binding of include/fettle/fettle.h by ctypes: nothing to compile, and NumPy and PyTorch are used
only when they are there. The work is done by threads of the library; a waiting `next` lets other Python
threads run.

Lifetime: an array or tensor of a batch is a view of the loader's memory and keeps it: the memory is used
again when the last one is gone. So a batch may be kept as long as one likes; keeping more of them than
`memory_mb` allows is an error that says so.
"""
import ctypes
import ctypes.util
import json
import os
import threading

__all__ = ["Loader", "Batch", "Field", "Error", "version"]


# ---- the library

class _FieldView(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("dtype", ctypes.c_char_p), ("ndim", ctypes.c_int),
                ("shape", ctypes.POINTER(ctypes.c_int64)), ("data", ctypes.c_void_p), ("bytes", ctypes.c_size_t)]


class _BatchView(ctypes.Structure):
    _fields_ = [("number", ctypes.c_uint64), ("epoch", ctypes.c_uint64), ("count", ctypes.c_size_t),
                ("bad", ctypes.c_size_t), ("ids", ctypes.POINTER(ctypes.c_uint64)),
                ("field_count", ctypes.c_size_t), ("fields", ctypes.POINTER(_FieldView))]


_VIEW = ctypes.POINTER(_BatchView)
_FUNCTIONS = {
    "ft_version": (ctypes.c_char_p, []),
    "ft_err_why": (ctypes.c_char_p, []),
    "ft_err_code_name": (ctypes.c_char_p, [ctypes.c_int]),
    "ft_batches_open": (ctypes.c_int, [ctypes.POINTER(ctypes.c_void_p), ctypes.c_char_p]),
    "ft_batches_next": (ctypes.c_int, [ctypes.POINTER(_VIEW), ctypes.c_void_p]),
    "ft_batches_epoch": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_uint64]),
    "ft_batches_steps": (ctypes.c_uint64, [ctypes.c_void_p]),
    "ft_batches_state": (ctypes.c_int, [ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p]),
    "ft_batches_resume": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p]),
    "ft_batches_stats": (ctypes.c_int, [ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p]),
    "ft_batches_free": (None, [ctypes.c_void_p]),
    "ft_batch_view_free": (None, [_VIEW]),
    "ft_batch_view_dlpack": (ctypes.c_int, [ctypes.POINTER(ctypes.c_void_p), _VIEW, ctypes.c_size_t]),
    "ft_text_free": (None, [ctypes.c_void_p]),
}
_END = 4


def _candidates():
    """Where the library may be: named, beside this package, built in the tree, installed."""
    here = os.path.dirname(os.path.abspath(__file__))
    if os.environ.get("FETTLE_LIBRARY"):
        return [os.environ["FETTLE_LIBRARY"]]
    root = os.path.dirname(os.path.dirname(here))
    found = ctypes.util.find_library("fettle")
    return [os.path.join(here, "libfettle.so.0"), os.path.join(root, "build", "libfettle.so.0")] + \
        ([found] if found else []) + ["libfettle.so.0"]


def _load():
    reasons = []
    for path in _candidates():
        if os.path.isabs(path) and not os.path.exists(path):
            continue
        try:
            library = ctypes.CDLL(path)  # CDLL: the GIL is released while a function runs
        except OSError as error:
            reasons.append(str(error))
            continue
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
        return library
    raise ImportError("libfettle.so.0 was not found: build it (./run build), install it, or name it in "
                      "FETTLE_LIBRARY" + "".join("; " + reason for reason in reasons))


_lib = _load()


class Error(Exception):
    """What went wrong, in a sentence that names file and record. `code` is its name: "FT_ECORRUPT"."""

    def __init__(self, code, sentence):
        super().__init__(sentence)
        self.code = code


def _try(code):
    if code:
        raise Error(_lib.ft_err_code_name(code).decode(), _lib.ft_err_why().decode("utf-8", "replace"))


def _text(function, *arguments):
    """A text that the library made, freed."""
    out = ctypes.c_void_p()
    _try(function(ctypes.byref(out), *arguments))
    try:
        return ctypes.string_at(out).decode()
    finally:
        _lib.ft_text_free(out)


def version():
    return _lib.ft_version().decode()


# ---- a batch

class _Held:
    """One reference to a batch in the library; gone with this object."""

    def __init__(self, view):
        self.view = view

    def __del__(self):
        if self.view and _lib:
            _lib.ft_batch_view_free(self.view)
            self.view = None


_api = ctypes.pythonapi
_capsule_new = _api.PyCapsule_New
_capsule_new.restype, _capsule_new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_capsule_valid = _api.PyCapsule_IsValid
_capsule_valid.restype, _capsule_valid.argtypes = ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p]
_capsule_pointer = _api.PyCapsule_GetPointer
_capsule_pointer.restype, _capsule_pointer.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]


class _Managed(ctypes.Structure):
    """The end of DLManagedTensor, which a capsule that nobody took must call."""
    _fields_ = [("tensor", ctypes.c_byte * 48), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]


@ctypes.CFUNCTYPE(None, ctypes.c_void_p)
def _capsule_gone(capsule):
    if _capsule_valid(capsule, b"dltensor"):  # taken ones are called "used_dltensor"
        managed = _capsule_pointer(capsule, b"dltensor")
        deleter = _Managed.from_address(managed).deleter
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(deleter)(managed)


_TYPES = {"float32": "<f4", "float64": "<f8", "float16": "<f2", "int8": "|i1", "int16": "<i2", "int32": "<i4",
          "int64": "<i8", "uint8": "|u1", "uint16": "<u2", "uint32": "<u4", "uint64": "<u8", "bool": "|b1"}


class Field:
    """One field of a batch: what numpy.asarray and torch.from_dlpack take, without a copy."""

    def __init__(self, held, number):
        self._held, self._number = held, number
        view = held.view.contents.fields[number]
        self.name, self.dtype = view.name.decode(), view.dtype.decode()
        self.shape = tuple(view.shape[i] for i in range(view.ndim))
        self._data = view.data

    @property
    def __array_interface__(self):
        if self.dtype not in _TYPES:
            raise AttributeError(f"NumPy has no {self.dtype}: take it by torch.from_dlpack")
        return {"version": 3, "shape": self.shape, "typestr": _TYPES[self.dtype], "data": (self._data, False)}

    def __dlpack__(self, stream=None):
        managed = ctypes.c_void_p()
        _try(_lib.ft_batch_view_dlpack(ctypes.byref(managed), self._held.view, self._number))
        return _capsule_new(managed, b"dltensor", ctypes.cast(_capsule_gone, ctypes.c_void_p))

    def __dlpack_device__(self):
        return (1, 0)  # kDLCPU

    def __repr__(self):
        return f"<fettle.Field {self.name} {self.dtype} {self.shape}>"


_STANDS_FOR = {
    "label": ("cls", "class", "target", "y", "image/class/label", "label_values"),
    "image": ("jpg", "jpeg", "png", "webp", "ppm", "pgm"),
}


class Batch:
    """Fields by name. `count` samples, `bad` records left out, `number` in its `epoch`."""

    def __init__(self, view):
        self._held = _Held(view)
        c = view.contents
        self.number, self.epoch, self.count, self.bad = c.number, c.epoch, c.count, c.bad
        self._fields = {}
        for i in range(c.field_count):
            field = Field(self._held, i)
            self._fields[field.name] = field

    def _named(self, name):
        """The name that the records have for it: "cls" of a WebDataset is its label, "jpg" its image."""
        others = [n for n in _STANDS_FOR.get(name, ()) if n in self._fields]
        return name if name in self._fields or not others else others[0]

    def field(self, name):
        """As it is, for any consumer of DLPack or __array_interface__."""
        return self._fields[self._named(name)]

    def __getitem__(self, name):
        """A NumPy array that views the batch (the Field itself where NumPy lacks the type)."""
        field = self.field(name)
        if field.dtype not in _TYPES:
            return field
        import numpy
        return numpy.asarray(field)

    def keys(self):
        return self._fields.keys()

    def __iter__(self):
        return iter(self._fields)

    def __len__(self):
        return self.count

    def __contains__(self, name):
        return self._named(name) in self._fields

    @property
    def ids(self):
        """Numbers that name the samples for ever: shard << 40 | record."""
        return self._held.view.contents.ids[:self.count]

    def torch(self):
        """Every field as a tensor, without a copy."""
        import torch
        return {name: torch.from_dlpack(field) for name, field in self._fields.items()}

    def __repr__(self):
        return f"<fettle.Batch {self.number} of epoch {self.epoch}: {self.count} x {list(self._fields.values())}>"


# ---- the loader

class Loader:
    """Batches of `data`: a file, a folder, a pattern, or a list of them. Options: docs/loader.md.

    Iterating gives the epoch, or what is left of one that was begun or resumed; after its end, iterating
    gives the next one. state_dict() after any batch and load_state_dict() in another loader go on exactly
    there, with another number of workers, another batch size or another world.
    """

    def __init__(self, data, **options):
        paths = [data] if isinstance(data, (str, os.PathLike)) else list(data)
        spec = {"data": [os.fspath(path) for path in paths], **options}
        for name in ("transforms", "fields"):
            if isinstance(spec.get(name), (list, tuple)):
                spec[name] = ",".join(spec[name])
        self._lock = threading.Lock()
        self._pointer = ctypes.c_void_p()
        self.epoch = int(options.get("epoch") or 0)
        self._given = 0  # batches of this epoch
        _try(_lib.ft_batches_open(ctypes.byref(self._pointer), json.dumps(spec).encode()))

    def _open(self):
        if not self._pointer:
            raise ValueError("this loader is closed")
        return self._pointer

    def __iter__(self):
        batch = self.next()
        if batch is None and self._given:  # that epoch was over
            self.set_epoch(self.epoch + 1)
            batch = self.next()
        while batch is not None:
            yield batch
            del batch  # not held while the next one is made
            batch = self.next()

    def next(self):
        """The next batch of this epoch, None at its end. From any thread, one at a time."""
        view = _VIEW()
        with self._lock:
            code = _lib.ft_batches_next(ctypes.byref(view), self._open())
            if code == _END:
                return None
            _try(code)
            self._given += 1
        return Batch(view)

    def set_epoch(self, epoch):
        """Begin an epoch."""
        with self._lock:
            _try(_lib.ft_batches_epoch(self._open(), epoch))
            self.epoch, self._given = epoch, 0

    def __len__(self):
        steps = _lib.ft_batches_steps(self._open())
        if steps == 2**64 - 1:
            raise TypeError("the length of a stream is not known before its end")
        return steps

    def state_dict(self):
        """Where the epoch stands behind the batch that was given last."""
        with self._lock:
            return json.loads(_text(_lib.ft_batches_state, self._open()))

    def load_state_dict(self, state):
        with self._lock:
            _try(_lib.ft_batches_resume(self._open(), json.dumps(state).encode()))
            self.epoch, self._given = int(state["epoch"]), 0

    def stats(self):
        """What was measured, and the verdict in a sentence."""
        with self._lock:
            return json.loads(_text(_lib.ft_batches_stats, self._open()))

    @property
    def verdict(self):
        return self.stats().get("verdict", "nothing was measured yet")

    def close(self):
        """Ends its threads; batches that are kept stay."""
        with self._lock:
            pointer, self._pointer = self._pointer, ctypes.c_void_p()
        if pointer:
            _lib.ft_batches_free(pointer)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.close()

    def __del__(self):
        if getattr(self, "_pointer", None) and _lib:
            _lib.ft_batches_free(self._pointer)
            self._pointer = None

// A front for Network.predict: pybind11's conversions cost more than a small network. A plain matrix is recognised by a few
// comparisons in NumPy's own struct; every other call, and every call that fails, is made by the careful method (predict.cpp), so that
// what is allowed and what errors say stands there alone.
#include <pybind11/numpy.h>

#include "bindings/network.h"
#include "network/predict.h"
#include "runtime/dispatch.h"

namespace py = pybind11;

namespace fastmlp {
namespace {

constexpr double most_flops = 6e6;  // some 30 us: longer calls release the GIL and look for signals

// What a call needs, looked up once.
struct Front {
    PyTypeObject* type;
    PyObject* careful;  // the method that pybind11 made
    PyTypeObject* array_type;
    decltype(py::detail::npy_api::PyArray_NewFromDescr_) new_array;
    PyObject* dtypes[2];  // float32, float64
    PyObject *threads_name, *out_name;
};
Front front;

struct Call {
    PyObject* x = nullptr;
    PyObject* out = nullptr;
    int threads = 0;
};

bool read_threads(PyObject* value, int& threads) {
    if (!PyLong_CheckExact(value)) return false;
    int overflow = 0;
    const long number = PyLong_AsLongAndOverflow(value, &overflow);
    if (overflow != 0 || number < 0 || number > INT32_MAX) return false;
    threads = static_cast<int>(number);
    return true;
}

// False where the call is not of the plain form predict(x[, threads][, out=...]) with names that are interned.
bool read_call(PyObject* const* arguments, Py_ssize_t count, PyObject* names, Call& call) {
    if (count < 1 || count > 2) return false;
    call.x = arguments[0];
    if (count == 2 && !read_threads(arguments[1], call.threads)) return false;
    const Py_ssize_t named = names ? PyTuple_GET_SIZE(names) : 0;
    for (Py_ssize_t i = 0; i < named; ++i) {
        PyObject* const name = PyTuple_GET_ITEM(names, i);
        PyObject* const value = arguments[count + i];
        if (name == front.out_name)
            call.out = Py_IsNone(value) ? nullptr : value;
        else if (name != front.threads_name || count == 2 || !read_threads(value, call.threads))
            return false;
    }
    return true;
}

// An ndarray itself, two-dimensional, C-contiguous, aligned, in native byte order; null where it is something else.
const py::detail::PyArray_Proxy* plain_matrix(PyObject* object) {
    constexpr int wanted = py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_ | py::detail::npy_api::NPY_ARRAY_ALIGNED_;
    if (Py_TYPE(object) != front.array_type) return nullptr;
    const auto* array = py::detail::array_proxy(object);
    return array->nd == 2 && (array->flags & wanted) == wanted ? array : nullptr;
}

// NumPy's number of a dtype in native byte order, or -1.
int type_number(const py::detail::PyArray_Proxy* array) {
    const auto* dtype = py::detail::array_descriptor_proxy(array->descr);
    return dtype->byteorder == '=' || dtype->byteorder == '|' ? dtype->type_num : -1;
}

bool plain_inputs(PyObject* object, int64_t features, Inputs& inputs) {
    const auto* const array = plain_matrix(object);
    if (array == nullptr || array->dimensions[0] < 1 || array->dimensions[1] != features) return false;
    switch (type_number(array)) {
        case py::detail::npy_api::NPY_UBYTE_:
            inputs = {array->data, SourceType::uint8, array->dimensions[0], features};
            return true;
        case py::detail::npy_api::NPY_FLOAT_:
            inputs = {array->data, SourceType::float32, array->dimensions[0], 4 * features};
            return true;
        case py::detail::npy_api::NPY_DOUBLE_:
            inputs = {array->data, SourceType::float64, array->dimensions[0], 8 * features};
            return true;
        default:
            return false;
    }
}

// The place for the results in `out`, or null.
template <class T>
T* plain_outputs(PyObject* out, const Inputs& inputs, int64_t columns) {
    const auto* const array = plain_matrix(out);
    const int type = sizeof(T) == 4 ? py::detail::npy_api::NPY_FLOAT_ : py::detail::npy_api::NPY_DOUBLE_;
    if (array == nullptr || !(array->flags & py::detail::npy_api::NPY_ARRAY_WRITEABLE_) || type_number(array) != type) return nullptr;
    if (array->dimensions[0] != inputs.count || array->dimensions[1] != columns) return nullptr;
    const char* const first = static_cast<const char*>(inputs.data);
    const bool apart = array->data >= first + inputs.count * inputs.row_bytes ||
                       array->data + inputs.count * columns * static_cast<int64_t>(sizeof(T)) <= first;
    return apart ? reinterpret_cast<T*>(array->data) : nullptr;
}

template <class T>
PyObject* new_matrix(int64_t rows, int64_t columns) {
    PyObject* const dtype = front.dtypes[sizeof(T) == 8];
    const Py_intptr_t shape[] = {rows, columns};
    Py_INCREF(dtype);  // given away
    return front.new_array(front.array_type, dtype, 2, shape, nullptr, nullptr, 0, nullptr);
}

// A new reference to the results, or null, with or without a Python error, where the careful method must see to it.
template <class T>
PyObject* predict_plain(Network& network, const Parameters<T>& parameters, const Inputs& inputs, const Call& call) {
    if (forward_flops(parameters, inputs.count) > most_flops) return nullptr;
    const int64_t columns = network.spec.outputs();
    py::object result;
    T* outputs;
    if (call.out) {
        outputs = plain_outputs<T>(call.out, inputs, columns);
        result = py::reinterpret_borrow<py::object>(call.out);
    } else {
        result = py::reinterpret_steal<py::object>(new_matrix<T>(inputs.count, columns));
        outputs = result ? reinterpret_cast<T*>(py::detail::array_proxy(result.ptr())->data) : nullptr;
    }
    if (outputs == nullptr) return nullptr;
    const PassEnd end = predict(table<T>(kernels()), parameters, std::get<Workspaces<T>>(network.workspaces), network.scaled(inputs),
                                outputs, call.threads, {});
    return end == PassEnd::complete ? result.release().ptr() : nullptr;
}

PyObject* try_plain(PyObject* self, const Call& call) {
    auto* const network = reinterpret_cast<py::detail::instance*>(self)->get_value_and_holder().value_ptr<Network>();
    Inputs inputs{};
    if (network == nullptr || !plain_inputs(call.x, network->spec.inputs(), inputs)) return nullptr;
    const auto lock = network->try_read();
    if (!lock) return nullptr;
    return with_parameters(*network, [&](const auto& parameters) { return predict_plain(*network, parameters, inputs, call); });
}

PyObject* call_careful(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* names) {
    const Py_ssize_t all = count + (names ? PyTuple_GET_SIZE(names) : 0);
    std::vector<PyObject*> with_self{self};
    with_self.insert(with_self.end(), arguments, arguments + all);
    return PyObject_Vectorcall(front.careful, with_self.data(), static_cast<std::size_t>(count) + 1, names);
}

PyObject* quick_predict(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* names) {
    try {
        Call call;
        if (Py_TYPE(self) == front.type && read_call(arguments, count, names, call))
            if (PyObject* const result = try_plain(self, call)) return result;
    } catch (...) {  // out of memory, for example: the careful method meets it again and tells
    }
    PyErr_Clear();
    return call_careful(self, arguments, count, names);
}

}  // namespace

void bind_quick_predict(NetworkType& type) {
    static std::string text = type.attr("predict").attr("__doc__").cast<std::string>();
    static PyMethodDef method{"predict", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&quick_predict)),
                              METH_FASTCALL | METH_KEYWORDS, text.c_str()};
    const auto& numpy = py::detail::npy_api::get();
    front.type = reinterpret_cast<PyTypeObject*>(type.ptr());
    front.careful = type.attr("predict").cast<py::object>().release().ptr();
    front.array_type = numpy.PyArray_Type_;
    front.new_array = numpy.PyArray_NewFromDescr_;
    front.dtypes[0] = py::dtype::of<float>().release().ptr();
    front.dtypes[1] = py::dtype::of<double>().release().ptr();
    front.threads_name = PyUnicode_InternFromString("threads");
    front.out_name = PyUnicode_InternFromString("out");
    const auto descriptor = py::reinterpret_steal<py::object>(PyDescr_NewMethod(front.type, &method));
    if (!descriptor) throw py::error_already_set();
    type.attr("predict") = descriptor;
}

}  // namespace fastmlp

// unique_ptr over C libraries' handles (STYLE: "RAII over the C libraries").
#pragma once

#include <memory>
#include <type_traits>

namespace base {

template <typename T, auto Free>
struct CHandleDeleter {
  void operator()(T* raw) const noexcept { Free(raw); }
};

/// Owns a T* that is freed by the C function Free.
template <typename T, auto Free>
using CHandle = std::unique_ptr<T, CHandleDeleter<T, Free>>;

/// `call` fills a raw out-pointer and returns 0 for success; `fail(rc, raw)` throws Error. The pointer is
/// owned even when rc says failure (sqlite3_open needs that).
template <typename Handle, typename Call, typename Fail>
Handle acquire(Call call, Fail fail) {
  typename Handle::pointer raw = nullptr;
  const int rc = call(&raw);
  Handle handle(raw);
  if (rc != 0) fail(rc, handle.get());
  return handle;
}

}  // namespace base

// The objects that a push is checked against.
#pragma once

#include <memory>

#include "git/object_database.h"
#include "git/quarantine.h"
#include "git/repository.h"

namespace git::detail {

/// The repository's objects and, when given, those of the quarantine, which must stay as long.
inline std::shared_ptr<const ObjectDatabase> openObjects(const Repository& repository,
                                                       const Quarantine* quarantine) {
  DatabaseOptions options{.objects = repository.objects(), .quarantine = {}, .format = repository.format};
  if (quarantine) options.quarantine = quarantine->objects();
  return std::make_shared<const ObjectDatabase>(std::move(options));
}

}  // namespace git::detail

// One server for a data folder.
#pragma once

#include "base/fd.h"
#include "controller/data_folder.h"

namespace server {

/// Makes the folder, and holds it as long as the descriptor is open. Throws conflict when another server has
/// it, or when a restore into it did not end.
base::Fd lockDataFolder(const controller::DataFolder& folder);

}  // namespace server

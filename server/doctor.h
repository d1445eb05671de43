// `fairlead doctor` where no server runs yet.
#pragma once

#include <string>
#include <vector>

#include "controller/doctor.h"
#include "server/config.h"

namespace server {

controller::DoctorSettings doctorSettings(const Config& config);

/// [--json] and the flags of serve. Of a server that runs (or is elsewhere) it asks that one. Returns the
/// exit status: 0, 1 when something fails, 2 for wrong usage.
int doctor(const std::vector<std::string>& args);

}  // namespace server

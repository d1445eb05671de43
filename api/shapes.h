// The objects of the API, as routes answer them. What renders them is controller/render.h.
#pragma once

#include "api/shape.h"

namespace api {

Shape accountShape();
Shape appShape();
Shape buildShape();
Shape collaboratorShape();
Shape configShape();
Shape domainShape();
Shape drainShape();
Shape dynoShape();
Shape featureShape();
Shape formationShape();
Shape installationShape();
Shape keyShape();
Shape logSessionShape();
Shape regionShape();
Shape releaseShape();
Shape slugShape();
Shape sourceShape();
Shape stackShape();
/// What a list is that this server has nothing to put into.
Shape noneShape();

}  // namespace api

// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/api/authorisation.hpp"
#include "daemon/api/place.hpp"
#include "daemon/api/properties.hpp"
#include "daemon/api/requests.hpp"

struct sd_bus_vtable;

namespace chainkeeper::daemon {

// What the methods and properties of org.chainkeeper1 work on: the userdata of its table.
struct Interface {
    const Requests& requests;
    const Clock& clock;
    Authorisation authorisation;
    Place place;
    Properties properties;
};

const sd_bus_vtable* interface_table();

}  // namespace chainkeeper::daemon

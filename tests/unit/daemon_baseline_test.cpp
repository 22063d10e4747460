// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/baseline/normal_name.hpp"

#include <doctest/doctest.h>

using chainkeeper::daemon::baseline::normal_name;

TEST_CASE("baseline: chains of single Services, endpoints and pods have the same name on every node")
{
    CHECK(normal_name("nat", "KUBE-SVC-NPX46M4PTMTKRN6Y") == "KUBE-SVC-*");
    CHECK(normal_name("nat", "KUBE-SVC-TCOU7JCQXEZGVUNU") == "KUBE-SVC-*");
    CHECK(normal_name("nat", "KUBE-SEP-AAAAAAAAAAAAAAAA") == "KUBE-SEP-*");
    CHECK(normal_name("filter", "cali-tw-cali0123456789a") == "cali-tw-*");
    CHECK(normal_name("filter", "cali-from-wl-dispatch-2") == "cali-from-wl-dispatch-*");
    CHECK(normal_name("nat", "KUBE-HP-ABCDEFGHIJKLMNOP") == "KUBE-HP-*");
    CHECK(normal_name("filter", "cali-from-wl-dispatch") == "cali-from-wl-dispatch");
    CHECK(normal_name("filter", "KUBE-POD-FW-ABCDEFGH") == "KUBE-POD-FW-*");
    CHECK(normal_name("kube-proxy", "service-ULMVA6XW-ns1/svc1/tcp/p80") == "service-*");
}

TEST_CASE("baseline: a name is fit to be written, whatever it is")
{
    CHECK(normal_name("filter", "KUBE-\xff\x1b[2J") == "KUBE-??[2J");
    CHECK(normal_name("nat", "KUBE-SVC-\xff") == "KUBE-SVC-*");
}

TEST_CASE("baseline: other chains keep their names")
{
    CHECK(normal_name("nat", "KUBE-SERVICES") == "KUBE-SERVICES");
    CHECK(normal_name("filter", "KUBE-FIREWALL") == "KUBE-FIREWALL");
    CHECK(normal_name("filter", "cali-FORWARD") == "cali-FORWARD");
    CHECK(normal_name("nat", "KUBE-SVC-") == "KUBE-SVC-");
    CHECK(normal_name("kube-proxy", "services") == "services");
    CHECK(normal_name("filter", "service-of-the-administrator") == "service-of-the-administrator");
    CHECK(normal_name("nat", "").empty());
}

TEST_CASE("baseline: hashes of networks and policies are one name, words are not")
{
    CHECK(normal_name("nat", "CNI-0f3b2c4d5e6f7a8b9c0d1e2f") == "CNI-*");
    CHECK(normal_name("nat", "CNI-DN-0f3b2c4d5e6f7a8b9c0d1") == "CNI-DN-*");
    CHECK(normal_name("nat", "CNI-HOSTPORT-DNAT") == "CNI-HOSTPORT-DNAT");
    CHECK(normal_name("filter", "CNI-FORWARD") == "CNI-FORWARD");
    CHECK(normal_name("filter", "AZURE-NPM-INGRESS-3750705395") == "AZURE-NPM-INGRESS-*");
    CHECK(normal_name("filter", "AZURE-NPM-INGRESS-ALLOW-MARK") == "AZURE-NPM-INGRESS-ALLOW-MARK");
    CHECK(normal_name("filter", "AZURE-NPM-EGRESS") == "AZURE-NPM-EGRESS");
    CHECK(normal_name("filter", "abcdef") == "abcdef");
}

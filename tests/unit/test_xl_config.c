/* SPDX-License-Identifier: GPL-2.0-only */
/* A request's domain as libxl gets it. Needs libxl's library, not Xen. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "agent/xl/xl.h"

static int make(libxl_domain_config *config, const char *text, struct sv_err *err)
{
	cJSON *json = cJSON_Parse(text);
	int rc;

	assert_non_null(json);
	rc = sv_xl_config(config, json, err);
	cJSON_Delete(json);
	return rc;
}

#define NAME "\"name\":\"svnet-h-A-r1\",\"uuid\":\"00112233-4455-4677-8899-aabbccddeeff\""

static void a_pv_domain(void **state)
{
	static const uint8_t mac[6] = { 0, 0x16, 0x3e, 1, 2, 3 };
	libxl_domain_config config;
	struct sv_err err = { 0 };
	char uuid[40];

	(void)state;
	assert_int_equal(make(&config,
			      "{" NAME ",\"mark\":\"h A r1\",\"type\":\"pv\",\"kernel\":\"/k\","
			      "\"ramdisk\":\"/r\",\"cmdline\":\"quiet x=1\",\"memory\":128,"
			      "\"vcpus\":2,\"cpus\":\"1,3-4\",\"weight\":512,\"cap\":50,"
			      "\"script\":\"/s\",\"nics\":[{\"mac\":\"00:16:3e:01:02:03\","
			      "\"ifname\":\"sv7\",\"mtu\":1500,\"rate_kbit\":20000}],"
			      "\"disks\":[{\"path\":\"/d\",\"format\":\"raw\",\"device\":\"xvda\"},"
			      "{\"path\":\"/q\",\"format\":\"qcow2\",\"device\":\"xvdb\","
			      "\"readonly\":true}],\"pci\":[\"0000:03:1f.7\"]}",
			      &err),
			 0);
	assert_int_equal(config.c_info.type, LIBXL_DOMAIN_TYPE_PV);
	assert_int_equal(config.b_info.type, LIBXL_DOMAIN_TYPE_PV);
	assert_string_equal(config.c_info.name, "svnet-h-A-r1");
	snprintf(uuid, sizeof(uuid), LIBXL_UUID_FMT, LIBXL_UUID_BYTES(config.c_info.uuid));
	assert_string_equal(uuid, "00112233-4455-4677-8899-aabbccddeeff");
	assert_string_equal(config.c_info.xsdata[0], "svnet");
	assert_string_equal(config.c_info.xsdata[1], "h A r1");
	assert_null(config.c_info.xsdata[2]);
	assert_int_equal(config.b_info.max_memkb, 131072);
	assert_int_equal(config.b_info.target_memkb, 131072);
	assert_int_equal(config.b_info.max_vcpus, 2);
	assert_int_equal(config.b_info.avail_vcpus.map[0], 3);
	assert_int_equal(config.b_info.num_vcpu_hard_affinity, 2);
	assert_int_equal(config.b_info.vcpu_hard_affinity[1].map[0], 0x1a);
	assert_string_equal(config.b_info.kernel, "/k");
	assert_string_equal(config.b_info.ramdisk, "/r");
	assert_string_equal(config.b_info.cmdline, "quiet x=1");
	assert_int_equal(config.b_info.sched_params.weight, 512);
	assert_int_equal(config.b_info.sched_params.cap, 50);
	assert_int_equal(config.num_nics, 1);
	assert_memory_equal(config.nics[0].mac, mac, 6);
	assert_string_equal(config.nics[0].ifname, "sv7");
	assert_string_equal(config.nics[0].script, "/s");
	assert_null(config.nics[0].bridge);
	assert_int_equal(config.nics[0].nictype, LIBXL_NIC_TYPE_VIF);
	/* 20 Mbit/s, in shares of 50 ms. */
	assert_int_equal(config.nics[0].rate_interval_usecs, 50000);
	assert_int_equal(config.nics[0].rate_bytes_per_interval, 125000);
	assert_int_equal(config.num_disks, 2);
	assert_int_equal(config.disks[0].backend, LIBXL_DISK_BACKEND_PHY);
	assert_string_equal(config.disks[0].script, "/s");
	assert_true(config.disks[0].readwrite);
	assert_int_equal(config.disks[1].format, LIBXL_DISK_FORMAT_QCOW2);
	assert_int_equal(config.disks[1].backend, LIBXL_DISK_BACKEND_QDISK);
	assert_null(config.disks[1].script);
	assert_false(config.disks[1].readwrite);
	assert_int_equal(config.pcidevs[0].bus, 3);
	assert_int_equal(config.pcidevs[0].dev, 0x1f);
	assert_int_equal(config.pcidevs[0].func, 7);
	/* With none, libxl hands nothing over. */
	assert_int_equal(config.pcidevs[0].vfunc_mask, 1);
	assert_true(libxl_defbool_val(config.b_info.u.pv.e820_host));
	assert_true(libxl_defbool_val(config.b_info.claim_mode));
	/* Who restarts a domain is the driver: libxl does nothing by itself. */
	assert_int_equal(config.on_crash, LIBXL_ACTION_ON_SHUTDOWN_DESTROY);
	libxl_domain_config_dispose(&config);
}

static void other_types(void **state)
{
	libxl_domain_config config;
	struct sv_err err = { 0 };

	(void)state;
	assert_int_equal(make(&config,
			      "{" NAME ",\"type\":\"pvh\",\"kernel\":\"/k\",\"memory\":64}", &err),
			 0);
	assert_int_equal(config.b_info.type, LIBXL_DOMAIN_TYPE_PVH);
	assert_int_equal(config.b_info.max_vcpus, 1);
	assert_int_equal(config.b_info.num_vcpu_hard_affinity, 0);
	libxl_domain_config_dispose(&config);
	assert_int_equal(make(&config, "{" NAME ",\"type\":\"hvm\",\"memory\":64}", &err), 0);
	assert_string_equal(config.b_info.u.hvm.boot, "c");
	assert_false(libxl_defbool_val(config.b_info.u.hvm.vnc.enable));
	libxl_domain_config_dispose(&config);
}

static void bad_requests(void **state)
{
	static const char *const texts[] = {
		"{" NAME ",\"type\":\"kvm\"}",
		"{\"type\":\"pv\"}",
		"{\"type\":\"pv\",\"name\":\"x\",\"uuid\":\"12\"}",
		"{" NAME ",\"type\":\"pv\",\"cpus\":\"4-1\"}",
		"{" NAME ",\"type\":\"pv\",\"cpus\":\"1,\"}",
		"{" NAME ",\"type\":\"pv\",\"nics\":[{\"mac\":\"0:1\"}]}",
		"{" NAME ",\"type\":\"pv\",\"disks\":[{\"path\":\"/d\"}]}",
		"{" NAME ",\"type\":\"pv\",\"pci\":[\"nine\"]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		libxl_domain_config config;
		struct sv_err err = { 0 };

		assert_int_equal(make(&config, texts[i], &err), -EINVAL);
		assert_true(err.text[0]);
		libxl_domain_config_dispose(&config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pv_domain),
		cmocka_unit_test(other_types),
		cmocka_unit_test(bad_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

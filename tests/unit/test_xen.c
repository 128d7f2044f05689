/* SPDX-License-Identifier: GPL-2.0-only */
/* Xen VNodes without Xen: the network file, requests, and the driver over a helper that is none. */
#include "net_example.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/vnode/xen.h"

#define R1 "{'vnets':{'A':{'vnodes':{'r1':"
#define DOMAIN "'kernel':'/k','memory':128"
#define CLEAN                                                                                      \
	"'driver':'xen','routes':null,'sysctls':null,'tc':null,'nftables':null,'program':null,"    \
	"'interfaces':{'eth0':{'addresses':null},'eth1':{'addresses':null}}"

/* ---- the network file ---- */

static const struct {
	const char *patch, *line;
} bad_cases[] = {
	{ R1 "{" CLEAN "}}}}}", "vnets.A.vnodes.r1.xen: is missing: the domain" },
	{ R1 "{'xen':{" DOMAIN "}}}}}}", "vnets.A.vnodes.r1.xen: is only for the driver \"xen\"" },
	{ R1 "{" CLEAN ",'xen':{" DOMAIN ",'colour':1}}}}}}",
	  "vnets.A.vnodes.r1.xen.colour: is not a known member" },
	{ R1 "{" CLEAN ",'xen':{'memory':128}}}}}}", "vnets.A.vnodes.r1.xen.kernel: is missing" },
	{ R1 "{" CLEAN ",'xen':{'kernel':'vmlinux','memory':128}}}}}}",
	  "vnets.A.vnodes.r1.xen.kernel: \"vmlinux\" must be an absolute path" },
	{ R1 "{" CLEAN ",'xen':{'kernel':'/k'}}}}}}",
	  "vnets.A.vnodes.r1.xen.memory: is missing: MiB" },
	{ R1 "{" CLEAN ",'xen':{'kernel':'/k','memory':4}}}}}}",
	  "vnets.A.vnodes.r1.xen.memory: 4 is not 16 … 16777216" },
	{ R1 "{" CLEAN ",'xen':{" DOMAIN ",'type':'kvm'}}}}}}",
	  "vnets.A.vnodes.r1.xen.type: \"kvm\" must be \"pv\", \"pvh\" or \"hvm\"" },
	{ R1 "{" CLEAN ",'xen':{'memory':128,'type':'hvm'}}}}}}",
	  "vnets.A.vnodes.r1.xen.kernel: is missing, and so is a disk to boot from" },
	{ R1 "{" CLEAN ",'xen':{" DOMAIN ",'vcpus':0}}}}}}",
	  "vnets.A.vnodes.r1.xen.vcpus: 0 is not 1 … 128" },
	{ R1 "{" CLEAN ",'xen':{" DOMAIN ",'cpus':'3-1'}}}}}}",
	  "vnets.A.vnodes.r1.xen.cpus: \"3-1\" must be CPUs, \"0-3,5\"" },
	{ R1 "{" CLEAN ",'xen':{" DOMAIN ",'vcpus':2,'cap':201}}}}}}",
	  "vnets.A.vnodes.r1.xen.cap: 201 is not 0 … 200" },
	{ R1 "{" CLEAN ",'xen':{" DOMAIN ",'restart':'maybe'}}}}}}",
	  "vnets.A.vnodes.r1.xen.restart: \"maybe\" must be \"always\", \"on-crash\" or "
	  "\"never\"" },
	{ R1 "{" CLEAN ",'xen':{" DOMAIN ",'pause_limit_ms':0}}}}}}",
	  "vnets.A.vnodes.r1.xen.pause_limit_ms: 0 is not 1 … 3600000" },
	{ R1 "{" CLEAN ",'xen':{" DOMAIN ",'disks':[{'path':'/d','device':'sda'}]}}}}}}",
	  "vnets.A.vnodes.r1.xen.disks[0].device: must be as the guest is to see it, \"xvda\"" },
	{ R1 "{" CLEAN ",'xen':{" DOMAIN ",'disks':[{'device':'xvda'}]}}}}}}",
	  "vnets.A.vnodes.r1.xen.disks[0].path: is missing" },
	{ R1 "{" CLEAN ",'xen':{" DOMAIN ",'disks':[{'path':'/d','device':'xvda','format':'vhd'}]"
	     "}}}}}}",
	  "vnets.A.vnodes.r1.xen.disks[0].format: \"vhd\" must be \"raw\", \"qcow2\" or \"lvm\"" },
	{ R1 "{" CLEAN ",'xen':{" DOMAIN ",'disks':[{'path':'/d','device':'xvda','format':'qcow2',"
	     "'snapshot':'copy'}]}}}}}}",
	  "vnets.A.vnodes.r1.xen.disks[0].snapshot: a qcow2 disk is cloned by \"reflink\" "
	  "only, on XFS or Btrfs" },
	{ R1 "{" CLEAN ",'xen':{" DOMAIN ",'disks':[{'path':'/d','device':'xvda','snapshot':'lvm'}]"
	     "}}}}}}",
	  "vnets.A.vnodes.r1.xen.disks[0].snapshot: \"/d\" is no logical volume" },
	{ R1 "{" CLEAN
	     ",'xen':{'type':'pvh','kernel':'/k','memory':64,'pci':['0000:03:00.0']}}}}}}",
	  "vnets.A.vnodes.r1.xen.pci: Xen hands no PCI devices to PVH domains: say \"pv\" or "
	  "\"hvm\"" },
	{ R1 "{" CLEAN ",'xen':{" DOMAIN ",'pci':['3:0']}}}}}}",
	  "vnets.A.vnodes.r1.xen.pci[0]: must be a PCI device, \"0000:03:00.0\"" },
	{ R1 "{" CLEAN ",'routes':['default via 10.0.0.1'],'xen':{" DOMAIN "}}}}}}",
	  "vnets.A.vnodes.r1.routes: a domain's guest sets its own" },
	{ R1 "{" CLEAN ",'xen':{" DOMAIN "},'interfaces':{'eth0':{'addresses':['10.0.0.1/24']},"
	     "'eth1':{'addresses':null}}}}}}}",
	  "vnets.A.vnodes.r1.interfaces.eth0.addresses: a domain's guest sets its own" },
};

static void bad_values_have_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_cases) / sizeof(*bad_cases); i++) {
		cJSON *network = patched_network(bad_cases[i].patch), *doc = cJSON_CreateObject();
		struct sv_problems problems = { 0 };

		assert_int_equal(sv_doc_apply(doc, network, &problems, NULL), -EINVAL);
		assert_string_equal(problems.line[0], bad_cases[i].line);
		sv_problems_fini(&problems);
		cJSON_Delete(network);
		cJSON_Delete(doc);
	}
}

#define DISK(host, path, readonly)                                                                 \
	"{'host':'" host "'," CLEAN ",'xen':{" DOMAIN ",'disks':[{'path':'" path                   \
	"','device':'xvda','readonly':" readonly "}]}}"
#define TWO(a, b) R1 a ",'r2':" b "}}}}"

static void no_disk_has_two_writers(void **state)
{
	static const struct {
		const char *patch, *line;
	} cases[] = {
		{ TWO(DISK("host1", "/d", "false"), DISK("host1", "/e", "false")), NULL },
		{ TWO(DISK("host1", "/d", "true"), DISK("host1", "/d", "true")), NULL },
		{ TWO(DISK("host1", "/d", "false"), DISK("host1", "/d", "true")),
		  "vnets.A.vnodes.r2.xen.disks[0].path: /d is a disk of A/r1, and one of the two "
		  "writes to it" },
		{ TWO(DISK("host1", "/d", "true"), DISK("host1", "/d", "false")),
		  "vnets.A.vnodes.r2.xen.disks[0].path: /d is a disk of A/r1, and one of the two "
		  "writes to it" },
		/* Of another host it is another disk. */
		{ TWO(DISK("host1", "/d", "false"), DISK("host2", "/d", "false")), NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cJSON *network = patched_network(cases[i].patch), *doc = cJSON_CreateObject();
		struct sv_problems problems = { 0 };

		assert_int_equal(sv_doc_apply(doc, network, &problems, NULL),
				 cases[i].line ? -EINVAL : 0);
		assert_int_equal(problems.n, cases[i].line ? 1 : 0);
		if (cases[i].line)
			assert_string_equal(problems.line[0], cases[i].line);
		sv_problems_fini(&problems);
		cJSON_Delete(network);
		cJSON_Delete(doc);
	}
}

static const char *disk_path(const cJSON *doc, const char *vnet, const char *vnode, int i)
{
	const cJSON *vnets = sv_json_get(sv_json_get(doc, "network"), "vnets");
	const cJSON *xen =
		sv_json_get(sv_json_get(sv_json_get(sv_json_get(vnets, vnet), "vnodes"), vnode),
			    "xen");

	return sv_json_str(cJSON_GetArrayItem(sv_json_get(xen, "disks"), i), "path");
}

/* Of what it wrote nothing may be lost, when its original is gone. */
static void a_shadow_that_is_kept_keeps_its_disks(void **state)
{
	cJSON *doc =
		example_doc(R1 "{" CLEAN ",'xen':{" DOMAIN ",'disks':["
			       "{'path':'/d','device':'xvda','snapshot':'reflink'},"
			       "{'path':'/e','device':'xvdb','snapshot':'copy','readonly':true},"
			       "{'path':'/f','device':'xvdc'}]}}}}}}");
	struct sv_err err = { 0 };

	(void)state;
	add_shadow(doc, "B", "A", "{'vnodes':{'r1':{'cpu_weight':50}}}");
	must(sv_doc_shadow_finish(doc, "web", "B", &err), &err);
	assert_string_equal(disk_path(doc, "B", "r1", 0), "/d.svnet-B-r1");
	assert_string_equal(disk_path(doc, "B", "r1", 1), "/e");
	assert_string_equal(disk_path(doc, "B", "r1", 2), "/f");
	cJSON_Delete(doc);
}

static struct sv_net *load(const char *patch, cJSON **doc)
{
	cJSON *network = patched_network(patch);
	struct sv_net *net = NULL;
	struct sv_err err = { 0 };

	*doc = cJSON_CreateObject();
	if (sv_doc_apply(*doc, network, NULL, &err) || sv_net_load(&net, *doc, NULL, &err))
		fail_msg("%s", err.text);
	cJSON_Delete(network);
	return net;
}

static const struct sv_host_attach *attach_of(const struct sv_host_state *host,
					      const struct sv_names *names, const char *port)
{
	for (size_t i = 0; i < host->n_attach; i++)
		if (host->attach[i].spec.key.ifindex == sv_names_find(names, port))
			return &host->attach[i];
	fail_msg("no attachment at %s", port);
	return NULL;
}

/* Whatever leads to a vif goes by TC, also where XDP is asked for; what does not is left alone. */
static void vifs_are_served_by_tc(void **state)
{
	struct sv_host_state host = { 0 };
	struct sv_names names = { 0 };
	struct sv_err err;
	struct sv_net *net;
	cJSON *doc;

	(void)state;
	net = load("{'vnets':{'A':{'datapath':'xdp','vnodes':{'r1':{" CLEAN ",'xen':{" DOMAIN
		   "}}}}}}",
		   &doc);
	assert_int_equal(sv_host_compile(&host, &names, net, "host1", &err), 0);
	assert_string_equal(attach_of(&host, &names, "e1")->why,
			    "tc: a Xen VNode, whose vif takes no XDP frames");
	for (size_t i = 0; i < host.n_attach; i++)
		assert_false(host.attach[i].spec.val.flags & SV_ATTACH_XDP);
	for (size_t i = 0; i < host.n_vnode; i++)
		assert_false(host.vnode[i].spec.iface[0].xdp);
	assert_non_null(strstr(host.vnode[0].spec.json, "\"xen\":{\"type\":\"pv\""));
	sv_host_state_fini(&host);
	assert_int_equal(sv_host_compile(&host, &names, net, "host2", &err), 0);
	assert_true(host.attach[0].spec.val.flags & SV_ATTACH_XDP);
	sv_host_state_fini(&host);
	sv_names_fini(&names);
	sv_net_free(net);
	cJSON_Delete(doc);
}

static void a_guest_is_always_started(void **state)
{
	struct sv_host_state want = { 0 }, have = { 0 };
	struct sv_names names = { 0 };
	struct sv_plan plan = { 0 };
	struct sv_err err;
	struct sv_net *net;
	size_t started = 0;
	cJSON *doc;

	(void)state;
	net = load(R1 "{" CLEAN ",'xen':{" DOMAIN "}}}}}}", &doc);
	assert_int_equal(sv_host_compile(&want, &names, net, "host1", &err), 0);
	have.names = &names;
	assert_int_equal(sv_host_resolve(&want, &have, &err), 0);
	assert_int_equal(sv_plan_make(&plan, &want, &have, &err), 0);
	for (size_t i = 0; i < plan.n; i++)
		started += plan.op[i].kind == SV_OP_VNODE_START;
	assert_int_equal(started, 1);
	/* After its ports are attached and up. */
	assert_int_equal(plan.op[plan.n - 2].kind, SV_OP_VNODE_START);
	sv_plan_fini(&plan);
	sv_host_state_fini(&want);
	sv_names_fini(&names);
	sv_net_free(net);
	cJSON_Delete(doc);
}

/* ---- requests ---- */

static struct sv_vnode_iface ifaces[] = {
	{ .name = "eth0", .port = "svxe0", .mac = { 0, 0x16, 0x3e, 0, 0, 1 }, .mtu = 1500 },
	{ .name = "eth1",
	  .port = "svxe1",
	  .mac = { 0, 0x16, 0x3e, 0, 0, 2 },
	  .mtu = 9000,
	  .rate_kbit = 20000 },
};

#define XEN                                                                                        \
	"{\"type\":\"pv\",\"kernel\":\"/dev/null\",\"ramdisk\":\"\",\"cmdline\":\"a b\","          \
	"\"memory\":128,\"vcpus\":2,\"cpus\":\"0\",\"cap\":50,\"disks\":[],\"pci\":[],"            \
	"\"restart\":\"on-crash\",\"pause_limit_ms\":3000,\"stop_timeout_ms\":1000}"
#define XEN_DISK                                                                                   \
	"{\"type\":\"pv\",\"memory\":128,\"vcpus\":2,\"disks\":[{\"path\":\"/d\",\"format\":"      \
	"\"raw\",\"device\":\"xvda\",\"snapshot\":\"%s\",\"readonly\":false}]}"

static struct sv_vnode_spec make_spec(const char *vnet)
{
	struct sv_vnode_spec spec = { .name = "r1",
				      .driver = "xen",
				      .cpu_weight = 200,
				      .n_iface = 2,
				      .iface = ifaces,
				      .xen = (char *)XEN,
				      .json = (char *)"{\"x\":1}" };

	strcpy(spec.vnet, vnet);
	return spec;
}

static void weights_fall_by_tier(void **state)
{
	(void)state;
	assert_int_equal(sv_xen_weight(SV_TIER_PRODUCTION, 100), 256);
	assert_int_equal(sv_xen_weight(SV_TIER_SHADOW, 100), 32);
	assert_int_equal(sv_xen_weight(SV_TIER_MONITOR, 100), 8);
	assert_int_equal(sv_xen_weight(SV_TIER_MONITOR, 1), 1);
	assert_int_equal(sv_xen_weight(SV_TIER_PRODUCTION, 10000), 25600);
}

static void a_domain_from_a_specification(void **state)
{
	struct sv_vnode_spec spec = make_spec("A");
	cJSON *domain = sv_xen_domain(&spec, "u-u", "h1", "/s");
	const cJSON *nic = cJSON_GetArrayItem(cJSON_GetObjectItem(domain, "nics"), 1);

	(void)state;
	assert_string_equal(sv_xen_str(domain, "name"), "svnet-h1-A-r1");
	assert_string_equal(sv_xen_str(domain, "mark"), "h1 A r1");
	assert_string_equal(sv_xen_str(domain, "uuid"), "u-u");
	assert_string_equal(sv_xen_str(domain, "script"), "/s");
	assert_int_equal(sv_xen_num(domain, "weight"), 512);
	assert_int_equal(sv_xen_num(domain, "cap"), 50);
	assert_int_equal(sv_xen_num(domain, "memory"), 128);
	assert_string_equal(sv_xen_str(domain, "cmdline"), "a b");
	assert_null(cJSON_GetObjectItem(domain, "restart"));
	assert_string_equal(sv_xen_str(nic, "mac"), "00:16:3e:00:00:02");
	assert_string_equal(sv_xen_str(nic, "ifname"), "svxe1");
	assert_int_equal(sv_xen_num(nic, "mtu"), 9000);
	assert_int_equal(sv_xen_num(nic, "rate_kbit"), 20000);
	cJSON_Delete(domain);
}

static void what_a_running_domain_keeps(void **state)
{
	struct sv_vnode_spec a = make_spec("A"), b = make_spec("A");
	struct sv_vnode_iface other = ifaces[0];

	(void)state;
	assert_null(sv_xen_fixed(&a, &b));
	b.cpu_weight = 1;
	b.xen = (char *)"{\"type\":\"pv\",\"kernel\":\"/dev/"
			"null\",\"ramdisk\":\"\",\"cmdline\":\"a "
			"b\",\"memory\":128,\"vcpus\":2,\"cpus\":\"1\",\"cap\":10,\"disks\":[],"
			"\"pci\":[],\"restart\":\"never\"}";
	assert_null(sv_xen_fixed(&a, &b));
	b.xen = (char *)"{\"type\":\"pv\",\"kernel\":\"/dev/"
			"null\",\"ramdisk\":\"\",\"cmdline\":\"a "
			"b\",\"memory\":256,\"vcpus\":2,\"disks\":[],\"pci\":[]}";
	assert_string_equal(sv_xen_fixed(&a, &b), "memory");
	assert_string_equal(sv_xen_unlike(&a, &b), "memory");
	b = make_spec("A");
	other.rate_kbit = 1;
	b.iface = &other;
	b.n_iface = 1;
	assert_string_equal(sv_xen_fixed(&a, &b), "interfaces");
	assert_string_equal(sv_xen_unlike(&a, &b), "interfaces");
}

static void a_clone_has_disks_of_its_own(void **state)
{
	struct sv_vnode_spec spec = make_spec("B"), source = make_spec("A");
	struct sv_err err = { 0 };
	char text[256], own[256];
	cJSON *copies = NULL;
	const cJSON *copy;

	(void)state;
	snprintf(text, sizeof(text), XEN_DISK, "none");
	spec.xen = strdup(text);
	source.xen = text;
	assert_int_equal(sv_xen_own_disks(&spec, &source, &copies, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/d cannot be cloned"));
	free(spec.xen);
	snprintf(text, sizeof(text), XEN_DISK, "reflink");
	spec.xen = strdup(text);
	/* A clone's own clone is a copy of what that writes to. */
	snprintf(own, sizeof(own), "%s", text);
	memcpy(strstr(own, "/d"), "/e", 2);
	source.xen = own;
	assert_int_equal(sv_xen_own_disks(&spec, &source, &copies, &err), 0);
	copy = cJSON_GetArrayItem(copies, 0);
	assert_string_equal(sv_xen_str(copy, "from"), "/e");
	assert_string_equal(sv_xen_str(copy, "to"), "/d.svnet-B-r1");
	assert_string_equal(sv_xen_str(copy, "how"), "reflink");
	assert_non_null(strstr(spec.xen, "\"path\":\"/d.svnet-B-r1\""));
	free(spec.xen);
	/* What the file says of it later means the same copy. */
	spec.xen = strdup(text);
	assert_int_equal(sv_xen_keep_disks(&spec, NULL), 0);
	assert_string_equal(spec.xen, text);
	assert_int_equal(sv_xen_keep_disks(&spec, copies), 0);
	assert_non_null(strstr(spec.xen, "\"path\":\"/d.svnet-B-r1\""));
	free(spec.xen);
	cJSON_Delete(copies);
}

/* Who only reads may have the original's, if that only reads, too. */
static void who_reads_has_a_copy_of_what_is_written(void **state)
{
	static const struct {
		bool clone, source;
		int copies;
	} cases[] = { { true, true, 0 }, { true, false, 1 }, { false, true, 1 } };
	struct sv_err err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sv_vnode_spec spec = make_spec("B"), source = make_spec("A");
		char text[2][256];
		cJSON *copies = NULL;

		for (int j = 0; j < 2; j++) {
			snprintf(text[j], sizeof(text[j]), XEN_DISK, "copy");
			if (j ? cases[i].source : cases[i].clone)
				memcpy(strstr(text[j], "false"), "true ", 5);
		}
		spec.xen = strdup(text[0]);
		source.xen = text[1];
		assert_int_equal(sv_xen_own_disks(&spec, &source, &copies, &err), 0);
		assert_int_equal(cJSON_GetArraySize(copies), cases[i].copies);
		free(spec.xen);
		cJSON_Delete(copies);
	}
}

static void what_the_file_names_goes_with_no_domain(void **state)
{
	struct sv_vnode_spec spec = make_spec("B");
	cJSON *copies = cJSON_Parse("[{\"to\":\"/d\"},{\"to\":\"/e\"}]");
	char text[256];

	(void)state;
	snprintf(text, sizeof(text), XEN_DISK, "copy");
	spec.xen = text;
	assert_true(sv_xen_give_disks(&spec, copies));
	assert_int_equal(cJSON_GetArraySize(copies), 1);
	assert_string_equal(sv_xen_str(cJSON_GetArrayItem(copies, 0), "to"), "/e");
	assert_false(sv_xen_give_disks(&spec, copies));
	assert_false(sv_xen_give_disks(&spec, NULL));
	cJSON_Delete(copies);
}

static void a_clone_lacks_no_disk(void **state)
{
	struct sv_vnode_spec spec = make_spec("B"), source = make_spec("A");
	struct sv_err err = { 0 };
	cJSON *copies = NULL;
	char text[256];

	(void)state;
	snprintf(text, sizeof(text), XEN_DISK, "copy");
	source.xen = text;
	spec.xen = (char *)"{\"type\":\"pv\",\"disks\":[]}";
	assert_int_equal(sv_xen_own_disks(&spec, &source, &copies, &err), -EINVAL);
	assert_non_null(strstr(err.text, "disk xvda is missing"));
	/* One that the original has not is as it is. */
	spec.xen = strdup(text);
	source.xen = (char *)"{\"type\":\"pv\",\"disks\":[]}";
	assert_int_equal(sv_xen_own_disks(&spec, &source, &copies, &err), 0);
	assert_int_equal(cJSON_GetArraySize(copies), 0);
	assert_non_null(strstr(spec.xen, "\"path\":\"/d\""));
	free(spec.xen);
	cJSON_Delete(copies);
}

static void restart_policies(void **state)
{
	static const struct {
		const char *policy, *state;
		bool again;
	} cases[] = {
		{ "on-crash", "crashed", true }, { "on-crash", "reboot", true },
		{ "on-crash", "gone", true },	 { "on-crash", "poweroff", false },
		{ "always", "poweroff", true },	 { "always", "crashed", true },
		{ "never", "crashed", false },	 { "never", "reboot", false },
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sv_vnode_spec spec = { .xen = text };

		snprintf(text, sizeof(text), "{\"restart\":\"%s\"}", cases[i].policy);
		assert_int_equal(sv_xen_restarts(&spec, cases[i].state), cases[i].again);
	}
	assert_int_equal(sv_xen_backoff(0), 0);
	assert_int_equal(sv_xen_backoff(1), 1);
	assert_int_equal(sv_xen_backoff(3), 7);
	assert_int_equal(sv_xen_backoff(40), 60);
}

/* ---- helpers that are none ---- */

struct fixture {
	char dir[64], helper[96], log[96], file[96];
	struct sv_vnode_driver drv;
	struct sv_err err;
};

static void write_helper(struct fixture *f, const char *body)
{
	FILE *file = fopen(f->helper, "w");

	assert_non_null(file);
	fprintf(file, "#!/bin/sh\ncd %s\nread -r line\n%s\n", f->dir, body);
	fclose(file);
	assert_int_equal(chmod(f->helper, 0755), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/svxe-unit-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->helper, sizeof(f->helper), "%s/helper", f->dir);
	snprintf(f->log, sizeof(f->log), "%s/log", f->dir);
	snprintf(f->file, sizeof(f->file), "%s/file", f->dir);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	if (system(command))
		return -1;
	free(f);
	return 0;
}

static int call(struct fixture *f, int ms, cJSON **reply)
{
	cJSON *request = cJSON_CreateObject();
	int rc;

	memset(&f->err, 0, sizeof(f->err));
	cJSON_AddStringToObject(request, "op", "list");
	rc = sv_xen_call(f->helper, f->log, request, -1, ms, reply, &f->err);
	cJSON_Delete(request);
	return rc;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void an_answer(void **state)
{
	struct fixture *f = *state;
	cJSON *reply = NULL;

	write_helper(f, "echo \"$1 $line\" >args; echo noise >&2; echo '{\"domid\":7}'");
	assert_int_equal(call(f, 5000, &reply), 0);
	assert_int_equal(sv_xen_num(reply, "domid"), 7);
	cJSON_Delete(reply);
	snprintf(f->file, sizeof(f->file), "%s/args", f->dir);
	{
		_cleanup_free_ char *args = sv_file_read(f->file), *log = sv_file_read(f->log);

		assert_string_equal(args, "call {\"op\":\"list\"}\n");
		assert_string_equal(log, "noise\n");
	}
}

static void a_refusal(void **state)
{
	struct fixture *f = *state;
	cJSON *reply = NULL;

	write_helper(f, "echo '{\"error\":\"no memory left\",\"errno\":12}'; exit 1");
	assert_int_equal(call(f, 5000, &reply), -ENOMEM);
	assert_string_equal(f->err.text, "no memory left");
	assert_null(reply);
}

static void one_that_dies(void **state)
{
	struct fixture *f = *state;

	write_helper(f, "kill -9 $$");
	assert_int_equal(call(f, 5000, NULL), -EPIPE);
	assert_string_equal(f->err.text, "svnet-xl died in \"list\" (signal 9)");
	write_helper(f, "exit 3");
	assert_int_equal(call(f, 5000, NULL), -EPIPE);
	write_helper(f, "echo what");
	assert_int_equal(call(f, 5000, NULL), -EPROTO);
	unlink(f->helper);
	assert_int_equal(call(f, 5000, NULL), -ENOENT);
}

/* It goes, and so does what it has started. */
static void one_that_hangs(void **state)
{
	struct fixture *f = *state;
	int64_t start = now_ms();
	int pid = 0, i;

	write_helper(f, "sleep 60 & echo $! >file; wait");
	assert_int_equal(call(f, 500, NULL), -ETIMEDOUT);
	assert_in_range(now_ms() - start, 500, 3000);
	assert_string_equal(f->err.text,
			    "svnet-xl did not answer \"list\" in 500 ms and was killed");
	{
		_cleanup_free_ char *text = sv_file_read(f->file);

		assert_int_equal(sscanf(text, "%d", &pid), 1);
	}
	for (i = 0; i < 200 && !kill(pid, 0); i++)
		usleep(10000);
	assert_true(i < 200);
}

/* While production stands still it has less time than for all of its work. */
static void one_that_hangs_where_it_must_not(void **state)
{
	struct fixture *f = *state;
	int64_t start = now_ms();

	write_helper(f, "echo '{\"within_ms\":300}'; sleep 60");
	assert_int_equal(call(f, 20000, NULL), -ETIMEDOUT);
	assert_in_range(now_ms() - start, 300, 10000);
	assert_string_equal(f->err.text, "svnet-xl hung in \"list\" while a domain stood still and "
					 "was killed");
	/* It never gets more time than the caller has, and all of that again once it goes on. */
	write_helper(f, "echo '{\"within_ms\":60000}'; sleep 60");
	assert_int_equal(call(f, 500, NULL), -ETIMEDOUT);
	write_helper(f, "printf '{\"within_ms\":300}\n{\"within_ms\":0}\n'; sleep 1; echo '{}'");
	assert_int_equal(call(f, 20000, NULL), 0);
}

/* ---- the driver over one ---- */

/* One domain, its state in a file; every operation is noted. */
#define PRETEND                                                                                    \
	"op=$(echo \"$line\" | sed 's/.*\"op\":\"\\([a-z]*\\)\".*/\\1/')\n"                        \
	"uuid=$(echo \"$line\" | sed 's/.*\"uuids*\":\\[*\"\\([-0-9a-f]*\\)\".*/\\1/')\n"          \
	"echo $op >>ops\n"                                                                         \
	"case $op in\n"                                                                            \
	"list) st=$(cat dom.$uuid 2>/dev/null) && echo '{\"domains\":[{\"uuid\":\"'$uuid'\",'"     \
	"'\"state\":\"'$st'\",\"weight\":512,\"cap\":50,\"domid\":3}]}' || "                       \
	"echo '{\"domains\":[]}' ;;\n"                                                             \
	"create) echo paused >dom.$uuid; echo '{\"domid\":3}' ;;\n"                                \
	"unpause) echo running >dom.$uuid; echo '{}' ;;\n"                                         \
	"pause) echo paused >dom.$uuid; echo '{}' ;;\n"                                            \
	"destroy|shutdown) rm -f dom.$uuid; echo '{}' ;;\n"                                        \
	"%s\n"                                                                                     \
	"*) echo '{}' ;;\n"                                                                        \
	"esac"

static void open_driver(struct fixture *f, const char *extra)
{
	char body[2048];

	snprintf(body, sizeof(body), PRETEND, extra);
	write_helper(f, body);
	setenv("SVNET_XL", f->helper, 1);
	f->drv = (struct sv_vnode_driver){ .ops = sv_vnode_driver_find("xen"), .host = "h1" };
	strcpy(f->drv.run_dir, f->dir);
	strcpy(f->drv.log_dir, f->dir);
	assert_int_equal(f->drv.ops->open(&f->drv, &f->err), 0);
	unsetenv("SVNET_XL");
}

static void close_driver(struct fixture *f)
{
	f->drv.ops->close(&f->drv);
}

static enum sv_vnode_state state_of(struct fixture *f, const char *vnet, char note[128])
{
	struct sv_vnode_status status = { 0 };

	assert_int_equal(f->drv.ops->status(&f->drv, vnet, "r1", &status, &f->err), 0);
	if (note)
		strcpy(note, status.note);
	free(status.spec_json);
	return status.state;
}

static void set_domain(struct fixture *f, const char *state)
{
	char command[160];

	snprintf(command, sizeof(command), "cd %s && for d in dom.*; do echo %s >$d; done", f->dir,
		 state);
	assert_int_equal(system(command), 0);
}

static bool was_asked(struct fixture *f, const char *op)
{
	char command[160];

	snprintf(command, sizeof(command), "grep -qx %s %s/ops", op, f->dir);
	return system(command) == 0;
}

static bool has_folder(struct fixture *f, const char *tag)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/xen/%s", f->dir, tag);
	return access(path, F_OK) == 0;
}

static void a_life(void **state)
{
	struct sv_vnode_spec spec = make_spec("A");
	struct sv_vnode_status *list;
	struct fixture *f = *state;
	size_t n;

	open_driver(f, "");
	assert_int_equal(state_of(f, "A", NULL), SV_VNODE_ABSENT);
	assert_int_equal(f->drv.ops->define(&f->drv, &spec, &f->err), 0);
	assert_int_equal(f->drv.ops->define(&f->drv, &spec, &f->err), -EEXIST);
	assert_int_equal(state_of(f, "A", NULL), SV_VNODE_DEFINED);
	assert_int_equal(f->drv.ops->start(&f->drv, "A", "r1", &f->err), 0);
	assert_int_equal(state_of(f, "A", NULL), SV_VNODE_RUNNING);
	assert_int_equal(f->drv.ops->pause(&f->drv, "A", "r1", &f->err), 0);
	assert_int_equal(state_of(f, "A", NULL), SV_VNODE_PAUSED);
	assert_int_equal(f->drv.ops->resume(&f->drv, "A", "r1", &f->err), 0);
	assert_int_equal(f->drv.ops->set_tier(&f->drv, "A", "r1", SV_TIER_SHADOW, &f->err), 0);
	assert_true(was_asked(f, "sched"));
	assert_int_equal(f->drv.ops->list(&f->drv, &list, &n, &f->err), 0);
	assert_int_equal(n, 1);
	assert_string_equal(list[0].spec_json, "{\"x\":1}");
	assert_int_equal(list[0].tier, SV_TIER_SHADOW);
	assert_non_null(strstr(list[0].detail, "\"weight\":512"));
	free(list[0].spec_json);
	free(list);
	/* Another process of the same driver, after ours: the same VNode. */
	close_driver(f);
	open_driver(f, "");
	assert_int_equal(state_of(f, "A", NULL), SV_VNODE_RUNNING);
	assert_int_equal(f->drv.ops->stop(&f->drv, "A", "r1", &f->err), 0);
	assert_int_equal(state_of(f, "A", NULL), SV_VNODE_DEFINED);
	assert_int_equal(f->drv.ops->destroy(&f->drv, "A", "r1", &f->err), 0);
	assert_int_equal(f->drv.ops->destroy(&f->drv, "A", "r1", &f->err), 0);
	assert_int_equal(state_of(f, "A", NULL), SV_VNODE_ABSENT);
	assert_false(has_folder(f, ""));
	close_driver(f);
}

static void a_helper_that_dies_in_create(void **state)
{
	struct sv_vnode_spec spec = make_spec("A");
	struct fixture *f = *state;

	open_driver(f, "");
	close_driver(f);
	/* The domain is there before it dies. */
	open_driver(f, "");
	write_helper(
		f,
		"case $line in *create*) u=$(echo \"$line\" | sed "
		"'s/.*\"uuid\":\"\\([-0-9a-f]*\\)\".*/\\1/'); echo paused >dom.$u; kill -9 $$;;\n"
		"*destroy*) rm -f dom.*; echo '{}';; *) echo '{\"domains\":[]}';; esac");
	assert_int_equal(f->drv.ops->define(&f->drv, &spec, &f->err), -EPIPE);
	assert_non_null(strstr(f->err.text, "A/r1: svnet-xl died in \"create\""));
	assert_false(has_folder(f, "A.r1"));
	{
		char command[96];

		snprintf(command, sizeof(command), "! ls %s/dom.* 2>/dev/null", f->dir);
		assert_int_equal(system(command), 0);
	}
	close_driver(f);
}

/* The agent died between the domain and its specification. */
static void what_is_half_made(void **state)
{
	struct sv_vnode_spec spec = make_spec("A");
	struct sv_vnode_status *list;
	struct fixture *f = *state;
	char path[128], note[128];
	size_t n;

	open_driver(f, "");
	assert_int_equal(f->drv.ops->define(&f->drv, &spec, &f->err), 0);
	snprintf(path, sizeof(path), "%s/xen/A.r1/spec.json", f->dir);
	unlink(path);
	assert_int_equal(state_of(f, "A", note), SV_VNODE_FAILED);
	assert_string_equal(note, "half-made");
	assert_int_equal(f->drv.ops->list(&f->drv, &list, &n, &f->err), 0);
	assert_null(list[0].spec_json);
	free(list);
	assert_int_equal(f->drv.ops->define(&f->drv, &spec, &f->err), 0);
	assert_int_equal(state_of(f, "A", NULL), SV_VNODE_DEFINED);
	assert_true(was_asked(f, "destroy"));
	close_driver(f);
}

static void count_restarts(struct fixture *f, int n)
{
	char command[160];

	snprintf(command, sizeof(command),
		 "sed -i 's/\"restarts\":.*/\"restarts\": %d,/' %s/xen/A.r1/domain", n, f->dir);
	assert_int_equal(system(command), 0);
}

static void a_crash(void **state)
{
	struct sv_vnode_spec spec = make_spec("A");
	struct fixture *f = *state;
	char note[128];

	open_driver(f, "");
	assert_int_equal(f->drv.ops->define(&f->drv, &spec, &f->err), 0);
	assert_int_equal(f->drv.ops->start(&f->drv, "A", "r1", &f->err), 0);
	set_domain(f, "crashed");
	assert_int_equal(state_of(f, "A", note), SV_VNODE_FAILED);
	assert_string_equal(note, "its guest crashed");
	/* Its vifs are new: nothing goes on before another plan has attached them. */
	assert_int_equal(f->drv.ops->update(&f->drv, &spec, &f->err), -EAGAIN);
	assert_string_equal(f->err.text, "A/r1: its guest crashed: made anew, restart 1");
	state_of(f, "A", note);
	assert_string_equal(note, "restarted: its guest crashed");
	assert_int_equal(state_of(f, "A", NULL), SV_VNODE_DEFINED);
	assert_int_equal(f->drv.ops->start(&f->drv, "A", "r1", &f->err), 0);
	/* At once again: it waits. */
	set_domain(f, "crashed");
	count_restarts(f, 20);
	assert_int_equal(f->drv.ops->update(&f->drv, &spec, &f->err), -EAGAIN);
	assert_non_null(strstr(f->err.text, "its guest crashed again: restart 21 in"));
	/* By its policy it stays off; the operator may start it. */
	set_domain(f, "poweroff");
	assert_int_equal(f->drv.ops->update(&f->drv, &spec, &f->err), -ECANCELED);
	assert_int_equal(f->drv.ops->start(&f->drv, "A", "r1", &f->err), 0);
	assert_int_equal(state_of(f, "A", NULL), SV_VNODE_DEFINED);
	close_driver(f);
}

static void a_xen_that_does_not_answer(void **state)
{
	struct sv_vnode_spec spec = make_spec("A");
	struct sv_vnode_status *list;
	struct fixture *f = *state;
	size_t n;

	open_driver(f, "");
	assert_int_equal(f->drv.ops->define(&f->drv, &spec, &f->err), 0);
	assert_int_equal(f->drv.ops->start(&f->drv, "A", "r1", &f->err), 0);
	write_helper(f, "exit 1");
	assert_int_equal(f->drv.ops->list(&f->drv, &list, &n, &f->err), 0);
	assert_int_equal(n, 1);
	assert_int_equal(list[0].state, SV_VNODE_RUNNING);
	assert_string_equal(list[0].note,
			    "not known: svnet-xl ended in \"list\" without an answer");
	free(list[0].spec_json);
	free(list);
	close_driver(f);
}

/* Nor is one that cannot be looked at made anew, or destroyed half. */
static void no_descriptors_left(void **state)
{
	struct sv_vnode_spec spec = make_spec("A");
	struct sv_vnode_status *list;
	struct fixture *f = *state;
	struct rlimit was, now;
	int next, left, rc, refused = 0;
	size_t n;

	open_driver(f, "");
	assert_int_equal(f->drv.ops->define(&f->drv, &spec, &f->err), 0);
	assert_int_equal(f->drv.ops->start(&f->drv, "A", "r1", &f->err), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	next = dup(0);
	close(next);
	for (left = 0, rc = -1; rc; left++) {
		now = was;
		now.rlim_cur = next + left;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
		rc = f->drv.ops->list(&f->drv, &list, &n, &f->err);
		if (!rc)
			assert_int_equal(list[0].state, SV_VNODE_RUNNING);
		for (size_t i = 0; i < n; i++)
			free(list[i].spec_json);
		free(list);
		assert_int_not_equal(f->drv.ops->define(&f->drv, &spec, &f->err), 0);
		if (rc)
			assert_int_not_equal(f->drv.ops->destroy(&f->drv, "A", "r1", &f->err), 0);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
		refused += rc != 0;
		assert_int_equal(state_of(f, "A", NULL), SV_VNODE_RUNNING);
	}
	assert_true(refused > 0);
	assert_false(was_asked(f, "destroy"));
	close_driver(f);
}

/* Its domain bears our mark: it is not nobody's because the record cannot be read. */
static void an_unreadable_record(void **state)
{
	struct sv_vnode_spec spec = make_spec("A"), other = make_spec("B");
	struct sv_vnode_status *list;
	struct fixture *f = *state;
	char command[160];
	size_t n, i;

	open_driver(f, "");
	assert_int_equal(f->drv.ops->define(&f->drv, &spec, &f->err), 0);
	assert_int_equal(f->drv.ops->define(&f->drv, &other, &f->err), 0);
	snprintf(command, sizeof(command), "cd %s/xen/A.r1 && mv domain kept && mkdir domain",
		 f->dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(f->drv.ops->list(&f->drv, &list, &n, &f->err), -EISDIR);
	for (i = 0; i < n; i++)
		free(list[i].spec_json);
	free(list);
	assert_int_equal(f->drv.ops->destroy(&f->drv, "A", "r1", &f->err), -EISDIR);
	assert_non_null(strstr(f->err.text, "A/r1: reading"));
	assert_false(was_asked(f, "destroy"));
	snprintf(command, sizeof(command), "cd %s/xen/A.r1 && rmdir domain && mv kept domain",
		 f->dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(state_of(f, "A", NULL), SV_VNODE_DEFINED);
	assert_int_equal(f->drv.ops->destroy(&f->drv, "A", "r1", &f->err), 0);
	close_driver(f);
}

static bool told(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 5000) == 1;
}

/* Who tells of domains is started again when it has died. */
static void events_go_on(void **state)
{
	struct fixture *f = *state;
	FILE *file;
	int fd;

	open_driver(f, "");
	file = fopen(f->helper, "w");
	fprintf(file, "#!/bin/sh\n[ $1 = events ] && echo domain\n");
	fclose(file);
	fd = f->drv.ops->event_fd(&f->drv);
	assert_true(fd >= 0);
	assert_true(told(fd));
	for (int i = 0; i < 3; i++) {
		usleep(300000);
		f->drv.ops->event_drain(&f->drv);
		assert_true(told(fd));
	}
	close_driver(f);
}

/* The end of a wait is an event, or a restart would come when somebody happens to look. */
static void a_wait_that_ends(void **state)
{
	struct fixture *f = *state;
	int64_t start;
	FILE *file;
	int fd;

	open_driver(f, "");
	file = fopen(f->helper, "w");
	fprintf(file, "#!/bin/sh\nexec sleep 60\n");
	fclose(file);
	fd = f->drv.ops->event_fd(&f->drv);
	start = now_ms();
	sv_xen_event_in(&f->drv, 60);
	sv_xen_event_in(&f->drv, 1);
	sv_xen_event_in(&f->drv, 30);
	assert_true(told(fd));
	assert_in_range(now_ms() - start, 900, 4000);
	f->drv.ops->event_drain(&f->drv);
	assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0), 0);
	close_driver(f);
}

static void a_running_domain_is_not_rebooted(void **state)
{
	struct sv_vnode_spec spec = make_spec("A");
	struct fixture *f = *state;

	/* What becomes of its vifs, real ones tell. */
	spec.n_iface = 0;
	open_driver(f, "");
	assert_int_equal(f->drv.ops->define(&f->drv, &spec, &f->err), 0);
	assert_int_equal(f->drv.ops->start(&f->drv, "A", "r1", &f->err), 0);
	spec.cpu_weight = 50;
	assert_int_equal(f->drv.ops->update(&f->drv, &spec, &f->err), 0);
	spec.xen = (char *)"{\"type\":\"pv\",\"kernel\":\"/dev/zero\",\"memory\":128}";
	assert_int_equal(f->drv.ops->update(&f->drv, &spec, &f->err), -EBUSY);
	assert_non_null(strstr(f->err.text, "a running domain's kernel cannot be changed"));
	assert_int_equal(state_of(f, "A", NULL), SV_VNODE_RUNNING);
	close_driver(f);
}

static void a_clone(void **state)
{
	struct sv_vnode_spec spec = make_spec("A"), shadow = make_spec("B");
	_cleanup_free_ char *text = NULL;
	struct fixture *f = *state;
	size_t len;
	FILE *report = open_memstream(&text, &len);

	open_driver(
		f,
		"clone) u=$(echo \"$line\" | sed 's/.*\"domain\":{.*\"uuid\":\"\\([-0-9a-f]*\\)\"."
		"*/\\1/'); echo paused >dom.$u; echo '{\"domid\":4,\"pause_ms\":120,"
		"\"estimate_ms\":300,\"ms_per_mib\":0.5}' ;;");
	assert_int_equal(f->drv.ops->define(&f->drv, &spec, &f->err), 0);
	assert_int_equal(f->drv.ops->start(&f->drv, "A", "r1", &f->err), 0);
	assert_int_equal(f->drv.ops->clone(&f->drv, &shadow, "A", "r1", report, &f->err), 0);
	fclose(report);
	assert_string_equal(text, "A/r1 stood still for 120 ms (estimated 300 ms)\n");
	assert_int_equal(state_of(f, "B", NULL), SV_VNODE_DEFINED);
	close_driver(f);
}

static void a_clone_whose_helper_dies(void **state)
{
	struct sv_vnode_spec spec = make_spec("A"), shadow = make_spec("B");
	struct fixture *f = *state;
	int i, rc = 0;

	open_driver(f, "clone) kill -9 $$ ;;");
	assert_int_equal(f->drv.ops->define(&f->drv, &spec, &f->err), 0);
	assert_int_equal(f->drv.ops->start(&f->drv, "A", "r1", &f->err), 0);
	assert_false(was_asked(f, "recover"));
	assert_int_equal(f->drv.ops->clone(&f->drv, &shadow, "A", "r1", NULL, &f->err), -EPIPE);
	assert_non_null(strstr(f->err.text, "B/r1: svnet-xl died in \"clone\" (signal 9)"));
	/* Production goes on, and nothing of B is left. */
	assert_true(was_asked(f, "recover"));
	assert_int_equal(state_of(f, "A", NULL), SV_VNODE_RUNNING);
	assert_int_equal(state_of(f, "B", NULL), SV_VNODE_ABSENT);
	/* Nor does it stand still again at once: after the second try for three seconds. */
	for (i = 0; i < 2 && rc != -EAGAIN; i++)
		rc = f->drv.ops->clone(&f->drv, &shadow, "A", "r1", NULL, &f->err);
	assert_int_equal(rc, -EAGAIN);
	assert_non_null(strstr(f->err.text, "A/r1 may have stood still for "));
	assert_non_null(strstr(f->err.text, "svnet-xl died in \"clone\" (signal 9)"));
	close_driver(f);
}

static void a_host_without_xen(void **state)
{
	struct sv_vnode_spec spec = make_spec("A");
	struct sv_vnode_status *list;
	struct fixture *f = *state;
	size_t n;

	if (!access("/proc/xen/capabilities", F_OK))
		skip();
	f->drv = (struct sv_vnode_driver){ .ops = sv_vnode_driver_find("xen"), .host = "h1" };
	strcpy(f->drv.run_dir, f->dir);
	strcpy(f->drv.log_dir, f->dir);
	assert_int_equal(f->drv.ops->open(&f->drv, &f->err), 0);
	assert_int_equal(f->drv.ops->list(&f->drv, &list, &n, &f->err), 0);
	assert_int_equal(n, 0);
	assert_int_equal(f->drv.ops->define(&f->drv, &spec, &f->err), -ENODEV);
	assert_non_null(strstr(f->err.text, "A/r1: this host does not run Xen"));
	assert_false(has_folder(f, ""));
	assert_int_equal(f->drv.ops->event_fd(&f->drv), -ENODEV);
	close_driver(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_values_have_paths),
		cmocka_unit_test(vifs_are_served_by_tc),
		cmocka_unit_test(a_guest_is_always_started),
		cmocka_unit_test(weights_fall_by_tier),
		cmocka_unit_test(a_domain_from_a_specification),
		cmocka_unit_test(what_a_running_domain_keeps),
		cmocka_unit_test(a_clone_has_disks_of_its_own),
		cmocka_unit_test(a_clone_lacks_no_disk),
		cmocka_unit_test(who_reads_has_a_copy_of_what_is_written),
		cmocka_unit_test(what_the_file_names_goes_with_no_domain),
		cmocka_unit_test(no_disk_has_two_writers),
		cmocka_unit_test(a_shadow_that_is_kept_keeps_its_disks),
		cmocka_unit_test(restart_policies),
		cmocka_unit_test_setup_teardown(an_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refusal, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_hangs, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_hangs_where_it_must_not, setup, teardown),
		cmocka_unit_test_setup_teardown(a_life, setup, teardown),
		cmocka_unit_test_setup_teardown(a_helper_that_dies_in_create, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_half_made, setup, teardown),
		cmocka_unit_test_setup_teardown(a_crash, setup, teardown),
		cmocka_unit_test_setup_teardown(a_xen_that_does_not_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(no_descriptors_left, setup, teardown),
		cmocka_unit_test_setup_teardown(an_unreadable_record, setup, teardown),
		cmocka_unit_test_setup_teardown(events_go_on, setup, teardown),
		cmocka_unit_test_setup_teardown(a_wait_that_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(a_running_domain_is_not_rebooted, setup, teardown),
		cmocka_unit_test_setup_teardown(a_clone, setup, teardown),
		cmocka_unit_test_setup_teardown(a_clone_whose_helper_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(a_host_without_xen, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

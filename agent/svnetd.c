// SPDX-License-Identifier: GPL-2.0-only
#include "agent.h"

int main(int argc, char **argv)
{
	return sv_agent_main(argc, argv);
}

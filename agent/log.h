/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_LOG_H
#define SV_AGENT_LOG_H

/* One line an event, to stderr. The level is the only global variable of the agent. */
enum sv_log_level {
	SV_LOG_ERROR = 0,
	SV_LOG_INFO = 1,
	SV_LOG_DEBUG = 2,
};

void sv_log_set_level(enum sv_log_level level);
void sv_log(enum sv_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define sv_log_error(...) sv_log(SV_LOG_ERROR, __VA_ARGS__)
#define sv_log_info(...) sv_log(SV_LOG_INFO, __VA_ARGS__)
#define sv_log_debug(...) sv_log(SV_LOG_DEBUG, __VA_ARGS__)

#endif

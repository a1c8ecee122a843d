/* SPDX-License-Identifier: GPL-2.0 */
/* A small V4L2 encoder client for the device test. */
#ifndef CLIENT_H
#define CLIENT_H

#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define BUFS	6
#define OUT	V4L2_BUF_TYPE_VIDEO_OUTPUT
#define CAP	V4L2_BUF_TYPE_VIDEO_CAPTURE

struct enc {
	int fd;
	uint32_t width, height, stride;
	void *out[BUFS], *cap[BUFS];
	size_t out_len, cap_len;
	int free_out;		/* OUTPUT buffers never queued so far */
	int next;		/* number of the next picture */
};

extern int checks, failures;

void faults(void);

#define KEY(b)	(!!((b).flags & V4L2_BUF_FLAG_KEYFRAME))
#define LAST(b)	(!!((b).flags & V4L2_BUF_FLAG_LAST))
#define ERR(b)	(!!((b).flags & V4L2_BUF_FLAG_ERROR))

#define CHECK(cond, ...)						\
	do {								\
		checks++;						\
		if (!(cond)) {						\
			failures++;					\
			printf("FAIL %s:%d: %s: ", __func__, __LINE__, #cond); \
			printf(__VA_ARGS__);				\
			printf("\n");					\
		}							\
	} while (0)

#define DEBUGFS	"/sys/kernel/debug/vh264/"

static inline int call(int fd, unsigned long req, void *arg)
{
	return ioctl(fd, req, arg) ? -errno : 0;
}

static inline void fault(const char *name, unsigned int value)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), DEBUGFS "%s", name);
	f = fopen(path, "w");
	if (!f || fprintf(f, "%u\n", value) < 0 || fclose(f)) {
		perror(path);
		exit(2);
	}
}

static inline long long stat_of(const char *name)
{
	FILE *f = fopen(DEBUGFS "stats", "r");
	char key[32];
	long long v, found = -1;

	while (f && fscanf(f, "%31s %lld", key, &v) == 2)
		if (!strcmp(key, name))
			found = v;
	if (f)
		fclose(f);
	return found;
}

static inline int set_ctrl(struct enc *e, uint32_t id, int value)
{
	struct v4l2_control c = { .id = id, .value = value };

	return call(e->fd, VIDIOC_S_CTRL, &c);
}

static inline int stream(struct enc *e, uint32_t type, bool on)
{
	return call(e->fd, on ? VIDIOC_STREAMON : VIDIOC_STREAMOFF, &type);
}

static inline int command(struct enc *e, uint32_t cmd)
{
	struct v4l2_encoder_cmd c = { .cmd = cmd };

	return call(e->fd, VIDIOC_ENCODER_CMD, &c);
}

static inline int queue_cap(struct enc *e, int i)
{
	struct v4l2_buffer b = { .index = i, .type = CAP,
				 .memory = V4L2_MEMORY_MMAP };

	return call(e->fd, VIDIOC_QBUF, &b);
}

/* Buffer @i becomes picture number e->next: still, but for one macroblock. */
static inline int queue_out(struct enc *e, int i)
{
	struct v4l2_buffer b = { .index = i, .type = OUT,
				 .memory = V4L2_MEMORY_MMAP,
				 .bytesused = e->out_len };
	uint8_t *p = e->out[i];

	memset(p, 0x80, e->out_len);
	p[0] = e->next;
	b.timestamp.tv_sec = e->next;
	e->next++;
	return call(e->fd, VIDIOC_QBUF, &b);
}

/* -ETIMEDOUT when nothing comes within @ms. */
static inline int dequeue(struct enc *e, uint32_t type, struct v4l2_buffer *b,
			  int ms)
{
	struct pollfd p = { .fd = e->fd,
			    .events = type == CAP ? POLLIN : POLLOUT };

	memset(b, 0, sizeof(*b));
	b->type = type;
	b->memory = V4L2_MEMORY_MMAP;
	if (poll(&p, 1, ms) == 0)
		return -ETIMEDOUT;
	return call(e->fd, VIDIOC_DQBUF, b);
}

static inline void map_queue(struct enc *e, uint32_t type, void **maps,
			     size_t *len)
{
	struct v4l2_requestbuffers r = { .count = BUFS, .type = type,
					 .memory = V4L2_MEMORY_MMAP };
	int i;

	CHECK(!call(e->fd, VIDIOC_REQBUFS, &r), "errno %d", errno);
	for (i = 0; i < BUFS; i++) {
		struct v4l2_buffer b = { .index = i, .type = type,
					 .memory = V4L2_MEMORY_MMAP };

		CHECK(!call(e->fd, VIDIOC_QUERYBUF, &b), "errno %d", errno);
		maps[i] = mmap(NULL, b.length, PROT_READ | PROT_WRITE,
			       MAP_SHARED, e->fd, b.m.offset);
		CHECK(maps[i] != MAP_FAILED, "errno %d", errno);
		*len = b.length;
	}
}

/* Opens and negotiates; controls may be set before enc_start(). */
static inline bool enc_open(struct enc *e, uint32_t width, uint32_t height)
{
	struct v4l2_format f = { .type = OUT };

	memset(e, 0, sizeof(*e));
	e->fd = open("/dev/video0", O_RDWR | O_NONBLOCK);
	if (e->fd < 0)
		return false;
	f.fmt.pix.width = width;
	f.fmt.pix.height = height;
	f.fmt.pix.pixelformat = V4L2_PIX_FMT_NV12;
	CHECK(!call(e->fd, VIDIOC_S_FMT, &f), "errno %d", errno);
	e->width = f.fmt.pix.width;
	e->height = f.fmt.pix.height;
	e->stride = f.fmt.pix.bytesperline;
	return true;
}

static inline void enc_start(struct enc *e)
{
	int i;

	map_queue(e, OUT, e->out, &e->out_len);
	map_queue(e, CAP, e->cap, &e->cap_len);
	for (i = 0; i < BUFS; i++)
		CHECK(!queue_cap(e, i), "errno %d", errno);
	CHECK(!stream(e, OUT, true) && !stream(e, CAP, true), "errno %d", errno);
}

static inline void enc_close(struct enc *e)
{
	int i;

	for (i = 0; i < BUFS && e->out[0]; i++) {
		munmap(e->out[i], e->out_len);
		munmap(e->cap[i], e->cap_len);
	}
	close(e->fd);
}

/*
 * One picture through the encoder, in step. The CAPTURE buffer is queued
 * again; -ETIMEDOUT when none came (its OUTPUT buffer may still be inside).
 */
static inline int one(struct enc *e, struct v4l2_buffer *cap, int ms)
{
	struct v4l2_buffer out;
	int i = e->free_out, ret;

	if (i < BUFS) {
		e->free_out++;
	} else {
		ret = dequeue(e, OUT, &out, ms);
		if (ret)
			return ret;
		i = out.index;
	}
	ret = queue_out(e, i);
	if (ret)
		return ret;
	ret = dequeue(e, CAP, cap, ms);
	if (!ret)
		ret = queue_cap(e, cap->index);
	return ret;
}

#endif

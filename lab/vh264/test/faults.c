// SPDX-License-Identifier: GPL-2.0
/*
 * Each fault, switched on and off while the driver runs.
 */
#include <time.h>

#include "client.h"

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void hangs(void)
{
	struct v4l2_buffer b;
	struct enc e;
	int i;

	enc_open(&e, 64, 64);
	enc_start(&e);
	fault("hang_after", 3);
	for (i = 0; i < 3; i++)
		CHECK(!one(&e, &b, 2000), "picture %d", i);
	CHECK(one(&e, &b, 200) == -ETIMEDOUT, "hung");
	CHECK(!command(&e, V4L2_ENC_CMD_STOP) && dequeue(&e, CAP, &b, 200) == -ETIMEDOUT,
		      "no drain");
	CHECK(!stream(&e, CAP, false) && !stream(&e, OUT, false), "off");
	enc_close(&e);

	enc_open(&e, 64, 64);
	enc_start(&e);
	CHECK(!one(&e, &b, 2000) && KEY(b), "reopened");
	fault("hang_mode", 2);
	fault("hang_after", 1);
	CHECK(!one(&e, &b, 2000), "before the hang");
	enc_close(&e);
	enc_open(&e, 64, 64);
	enc_start(&e);
	CHECK(one(&e, &b, 200) == -ETIMEDOUT, "still hung");
	fault("hang_after", 0);
	CHECK(!dequeue(&e, CAP, &b, 2000), "cleared");
	enc_close(&e);
	fault("hang_mode", 1);
}

static void errors(void)
{
	struct v4l2_buffer b;
	struct enc e;
	int i;

	enc_open(&e, 64, 64);
	enc_start(&e);
	fault("error_every", 4);
	for (i = 1; i <= 8; i++) {
		fault("error_lost", i > 4);
		CHECK(!one(&e, &b, 2000) && ERR(b) == (i % 4 == 0), "picture %d", i);
		CHECK(!ERR(b) || (b.bytesused > 0) == (i > 4), "picture %d", i);
	}
	fault("error_every", 0);
	fault("error_lost", 0);
	fault("frames_limit", 9);
	CHECK(!one(&e, &b, 2000) && !ERR(b), "ninth");
	CHECK(!one(&e, &b, 2000) && ERR(b), "tenth");
	fault("frames_limit", 0);
	enc_close(&e);

	enc_open(&e, 64, 64);
	enc_start(&e);
	CHECK(!one(&e, &b, 2000), "before EIO");
	fault("eio", 1);
	CHECK(one(&e, &b, 200) == -EIO && dequeue(&e, CAP, &b, 200) == -EIO, "EIO");
	CHECK(!stream(&e, CAP, false) && !stream(&e, OUT, false) && queue_cap(&e, 0) == -EIO,
		      "EIO stays");
	enc_close(&e);
	enc_open(&e, 64, 64);
	enc_start(&e);
	CHECK(!one(&e, &b, 2000), "reopened");
	fault("eio", 2);
	CHECK(one(&e, &b, 200) == -EIO, "EIO");
	CHECK(!stream(&e, CAP, false) && !stream(&e, OUT, false), "off");
	for (i = 0; i < BUFS; i++)
		CHECK(!queue_cap(&e, i), "queue %d", i);
	CHECK(!stream(&e, CAP, true) && !stream(&e, OUT, true), "on");
	e.free_out = 0;
	CHECK(!one(&e, &b, 2000), "after STREAMOFF");
	enc_close(&e);
	fault("eio", 0);
}

static void others(void)
{
	static const uint32_t rates[] = { 30000, 30, 29 };
	struct v4l2_streamparm p = { .type = OUT };
	struct v4l2_queryctrl q = { .id = V4L2_CID_MPEG_VIDEO_H264_LEVEL };
	struct v4l2_buffer b;
	struct enc e;
	long long t;
	int i;

	fault("open_fails", 2);
	CHECK(!enc_open(&e, 64, 64) && errno == EIO, "first open");
	fault("open_errno", ENODEV);
	CHECK(!enc_open(&e, 64, 64) && errno == ENODEV, "second open");
	fault("open_errno", EIO);

	fault("no_force_key", 1);
	fault("no_repeat_headers", 7);
	fault("max_level", 31);
	enc_open(&e, 64, 64);
	CHECK(set_ctrl(&e, V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME, 1) == -EINVAL, "key");
	CHECK(set_ctrl(&e, V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER, 1) == -EINVAL, "repeat");
	CHECK(set_ctrl(&e, V4L2_CID_MPEG_VIDEO_HEADER_MODE, 1) == -EINVAL, "mode");
	CHECK(!call(e.fd, VIDIOC_QUERYCTRL, &q) && q.maximum == V4L2_MPEG_VIDEO_H264_LEVEL_3_1,
		      "level %d", q.maximum);
	fault("no_force_key", 0);
	fault("no_repeat_headers", 0);
	fault("max_level", 0);

	for (i = 0; i < 3; i++) {
		fault("integer_rate", i);
		p.parm.output.timeperframe = (struct v4l2_fract){ 1001, 30000 };
		CHECK(!call(e.fd, VIDIOC_S_PARM, &p), "parm");
		CHECK(p.parm.output.timeperframe.denominator == rates[i],
		      "%u", p.parm.output.timeperframe.denominator);
	}
	fault("integer_rate", 0);
	enc_start(&e);
	fault("skip_every", 3);
	CHECK(!one(&e, &b, 2000) && !one(&e, &b, 2000), "two");
	CHECK(one(&e, &b, 200) == -ETIMEDOUT, "skipped");
	fault("skip_every", 0);
	CHECK(!one(&e, &b, 2000) && b.timestamp.tv_sec == 3, "after the skip");
	fault("slow_ms", 150);
	t = now_ms();
	CHECK(!one(&e, &b, 2000) && now_ms() - t >= 140, "slow");
	fault("slow_ms", 0);
	fault("hang_streamoff_ms", 300);
	t = now_ms();
	CHECK(!stream(&e, CAP, false) && now_ms() - t >= 290, "STREAMOFF");
	fault("hang_streamoff_ms", 0);
	enc_close(&e);

	enc_open(&e, 640, 360);
	set_ctrl(&e, V4L2_CID_MPEG_VIDEO_H264_LEVEL, V4L2_MPEG_VIDEO_H264_LEVEL_1_0);
	fault("level_stalls", 1);
	enc_start(&e);
	CHECK(!one(&e, &b, 2000) && one(&e, &b, 200) == -ETIMEDOUT, "stall");
	fault("level_stalls", 0);
	enc_close(&e);
}

void faults(void)
{
	hangs();
	errors();
	others();
}

// SPDX-License-Identifier: GPL-2.0
/*
 * A virtual stateful H.264 encoder: the module, its device, open and release.
 */
#include <linux/debugfs.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <media/v4l2-event.h>
#include <media/v4l2-ioctl.h>
#include <media/videobuf2-memops.h>

#include "vh264.h"

struct vh264_options vh264_options = {
	.stride_align = 64,
	.height_align = 16,
};

module_param_named(multiplanar, vh264_options.multiplanar, uint, 0444);
MODULE_PARM_DESC(multiplanar, "0: single-planar API; 1: multi-planar; 2: multi-planar, NV12M and YUV420M only");
module_param_named(only, vh264_options.only, charp, 0444);
MODULE_PARM_DESC(only, "four characters: the one OUTPUT format that is offered");
module_param_named(stride_align, vh264_options.stride_align, uint, 0444);
MODULE_PARM_DESC(stride_align, "alignment of a line of the OUTPUT format, a power of two (64)");
module_param_named(height_align, vh264_options.height_align, uint, 0444);
MODULE_PARM_DESC(height_align, "lines the OUTPUT sizeimage is padded to, a power of two (16)");
module_param_named(report_aligned_height, vh264_options.report_aligned_height, bool, 0444);
MODULE_PARM_DESC(report_aligned_height, "S_FMT returns the aligned height, chroma lies behind it");
module_param_named(default_b_frames, vh264_options.default_b_frames, uint, 0444);
MODULE_PARM_DESC(default_b_frames, "default of the B_FRAMES control (0)");
module_param_named(repeat_headers, vh264_options.repeat_headers, bool, 0444);
MODULE_PARM_DESC(repeat_headers, "default of the REPEAT_SEQ_HEADER control (0)");

/*
 * File operations
 */

static int ctx_init(struct vh264_ctx *ctx, struct file *file)
{
	struct vh264_dev *dev = ctx->dev;
	int ret;

	ret = vh264_controls_init(ctx);
	if (ret)
		return ret;
	vh264_default_formats(ctx);
	ctx->fh.m2m_ctx = v4l2_m2m_ctx_init(dev->m2m, ctx, vh264_queue_init);
	if (IS_ERR(ctx->fh.m2m_ctx)) {
		v4l2_ctrl_handler_free(&ctx->hdl);
		return PTR_ERR(ctx->fh.m2m_ctx);
	}
	v4l2_fh_init(&ctx->fh, &dev->vfd);
	ctx->fh.ctrl_handler = &ctx->hdl;
	file->private_data = &ctx->fh;
	v4l2_fh_add(&ctx->fh);
	return 0;
}

static int vh264_open(struct file *file)
{
	struct vh264_dev *dev = video_drvdata(file);
	struct vh264_ctx *ctx;
	int ret;

	if (mutex_lock_interruptible(&dev->lock))
		return -ERESTARTSYS;
	ret = vh264_fault_open(dev);
	if (ret)
		goto unlock;
	ctx = kzalloc(sizeof(*ctx), GFP_KERNEL);
	if (!ctx) {
		ret = -ENOMEM;
		goto unlock;
	}
	ctx->dev = dev;
	ctx->dead = dev->faults.eio == EIO_ALWAYS;
	mutex_init(&ctx->state_lock);
	init_waitqueue_head(&ctx->abort_wq);
	INIT_WORK(&ctx->work, vh264_work);
	ret = ctx_init(ctx, file);
	if (ret) {
		kfree(ctx);
		goto unlock;
	}
	list_add_tail(&ctx->list, &dev->ctxs);
	vh264_count(dev, STAT_OPENS, 1);
	vh264_count(dev, STAT_OPEN_NOW, 1);
unlock:
	mutex_unlock(&dev->lock);
	return ret;
}

static int vh264_release(struct file *file)
{
	struct vh264_dev *dev = video_drvdata(file);
	struct vh264_ctx *ctx = vh264_ctx(file);

	mutex_lock(&dev->lock);
	list_del(&ctx->list);
	WRITE_ONCE(ctx->aborting, true);
	v4l2_m2m_ctx_release(ctx->fh.m2m_ctx);
	mutex_unlock(&dev->lock);
	v4l2_fh_del(&ctx->fh);
	v4l2_fh_exit(&ctx->fh);
	v4l2_ctrl_handler_free(&ctx->hdl);
	vfree(ctx->coder.ref);
	kfree(ctx);
	vh264_count(dev, STAT_OPEN_NOW, -1);
	return 0;
}

/* The mappings are counted, so that a test can see one that was left behind. */
static void vh264_vm_open(struct vm_area_struct *vma)
{
	vh264_count(video_drvdata(vma->vm_file), STAT_MAPPED_NOW, 1);
	vb2_common_vm_ops.open(vma);
}

static void vh264_vm_close(struct vm_area_struct *vma)
{
	vb2_common_vm_ops.close(vma);
	vh264_count(video_drvdata(vma->vm_file), STAT_MAPPED_NOW, -1);
}

static const struct vm_operations_struct vh264_vm_ops = {
	.open	= vh264_vm_open,
	.close	= vh264_vm_close,
};

static int vh264_mmap(struct file *file, struct vm_area_struct *vma)
{
	int ret = v4l2_m2m_fop_mmap(file, vma);

	if (ret)
		return ret;
	if (vma->vm_ops == &vb2_common_vm_ops) {
		vma->vm_ops = &vh264_vm_ops;
		vh264_count(video_drvdata(file), STAT_MAPPED_NOW, 1);
	}
	return 0;
}

static const struct v4l2_file_operations vh264_fops = {
	.owner		= THIS_MODULE,
	.open		= vh264_open,
	.release	= vh264_release,
	.poll		= v4l2_m2m_fop_poll,
	.unlocked_ioctl	= video_ioctl2,
	.mmap		= vh264_mmap,
};

/*
 * Device
 */

static void vh264_v4l2_release(struct v4l2_device *v4l2_dev)
{
	struct vh264_dev *dev = container_of(v4l2_dev, struct vh264_dev,
					     v4l2_dev);

	v4l2_device_unregister(&dev->v4l2_dev);
	v4l2_m2m_release(dev->m2m);
	destroy_workqueue(dev->wq);
	media_device_cleanup(&dev->mdev);
	kfree(dev);
}

static int vh264_register_node(struct vh264_dev *dev)
{
	struct video_device *vfd = &dev->vfd;

	strscpy(vfd->name, VH264_NAME, sizeof(vfd->name));
	vfd->vfl_dir = VFL_DIR_M2M;
	vfd->fops = &vh264_fops;
	vfd->ioctl_ops = &vh264_ioctl_ops;
	vfd->release = video_device_release_empty;
	vfd->lock = &dev->lock;
	vfd->v4l2_dev = &dev->v4l2_dev;
	vfd->device_caps = V4L2_CAP_STREAMING |
			   (vh264_options.multiplanar ?
			    V4L2_CAP_VIDEO_M2M_MPLANE : V4L2_CAP_VIDEO_M2M);
	video_set_drvdata(vfd, dev);
	return video_register_device(vfd, VFL_TYPE_VIDEO, -1);
}

static void vh264_media_init(struct vh264_dev *dev, struct device *parent)
{
	struct media_device *mdev = &dev->mdev;

	mdev->dev = parent;
	strscpy(mdev->model, VH264_NAME, sizeof(mdev->model));
	strscpy(mdev->bus_info, "platform:" VH264_NAME, sizeof(mdev->bus_info));
	media_device_init(mdev);
	dev->v4l2_dev.mdev = mdev;
}

/* Says by the media topology that the node is an encoder. */
static int vh264_register_media(struct vh264_dev *dev)
{
	int ret;

	ret = v4l2_m2m_register_media_controller(dev->m2m, &dev->vfd,
						 MEDIA_ENT_F_PROC_VIDEO_ENCODER);
	if (ret)
		return ret;
	ret = media_device_register(&dev->mdev);
	if (ret)
		v4l2_m2m_unregister_media_controller(dev->m2m);
	return ret;
}

static int vh264_probe(struct platform_device *pdev)
{
	struct vh264_dev *dev;
	int ret;

	dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	if (!dev)
		return -ENOMEM;
	mutex_init(&dev->lock);
	INIT_LIST_HEAD(&dev->ctxs);
	dev->faults = vh264_faults;
	vh264_media_init(dev, &pdev->dev);

	ret = v4l2_device_register(&pdev->dev, &dev->v4l2_dev);
	if (ret)
		goto free_dev;
	dev->wq = alloc_workqueue(VH264_NAME, WQ_UNBOUND, 0);
	if (!dev->wq) {
		ret = -ENOMEM;
		goto unregister;
	}
	dev->m2m = v4l2_m2m_init(&vh264_m2m_ops);
	if (IS_ERR(dev->m2m)) {
		ret = PTR_ERR(dev->m2m);
		goto free_wq;
	}
	ret = vh264_register_node(dev);
	if (ret)
		goto free_m2m;
	ret = vh264_register_media(dev);
	if (ret)
		goto unregister_node;
	dev->v4l2_dev.release = vh264_v4l2_release;
	platform_set_drvdata(pdev, dev);
	vh264_debugfs_init(dev);
	v4l2_info(&dev->v4l2_dev, "virtual H.264 encoder on %s\n",
		  video_device_node_name(&dev->vfd));
	return 0;

unregister_node:
	video_unregister_device(&dev->vfd);
free_m2m:
	v4l2_m2m_release(dev->m2m);
free_wq:
	destroy_workqueue(dev->wq);
unregister:
	v4l2_device_unregister(&dev->v4l2_dev);
free_dev:
	media_device_cleanup(&dev->mdev);
	kfree(dev);
	return ret;
}

static void vh264_unbind(struct platform_device *pdev)
{
	struct vh264_dev *dev = platform_get_drvdata(pdev);

	debugfs_remove_recursive(dev->debugfs);
	media_device_unregister(&dev->mdev);
	v4l2_m2m_unregister_media_controller(dev->m2m);
	video_unregister_device(&dev->vfd);
	v4l2_device_put(&dev->v4l2_dev);
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define vh264_remove vh264_unbind
#else
static int vh264_remove(struct platform_device *pdev)
{
	vh264_unbind(pdev);
	return 0;
}
#endif

static struct platform_driver vh264_driver = {
	.probe	= vh264_probe,
	.remove	= vh264_remove,
	.driver	= { .name = VH264_NAME },
};

static struct platform_device *vh264_pdev;

static int __init vh264_init(void)
{
	struct vh264_options *o = &vh264_options;
	int ret;

	o->multiplanar = min(o->multiplanar, 2U);
	if (!vh264_any_fmt()) {
		pr_err("vh264: multiplanar=%u has no format %s\n", o->multiplanar, o->only);
		return -EINVAL;
	}
	o->stride_align = roundup_pow_of_two(clamp(o->stride_align, 2U, 4096U));
	o->height_align = roundup_pow_of_two(clamp(o->height_align, 2U, 64U));
	o->default_b_frames = min_t(u32, o->default_b_frames, VH264_MAX_B);

	ret = platform_driver_register(&vh264_driver);
	if (ret)
		return ret;
	vh264_pdev = platform_device_register_simple(VH264_NAME,
						     PLATFORM_DEVID_NONE,
						     NULL, 0);
	if (IS_ERR(vh264_pdev)) {
		platform_driver_unregister(&vh264_driver);
		return PTR_ERR(vh264_pdev);
	}
	return 0;
}

static void __exit vh264_exit(void)
{
	platform_device_unregister(vh264_pdev);
	platform_driver_unregister(&vh264_driver);
}

module_init(vh264_init);
module_exit(vh264_exit);

MODULE_DESCRIPTION("Virtual stateful H.264 encoder");
MODULE_LICENSE("GPL");

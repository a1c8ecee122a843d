// Package realtime runs bit rate laws over real transports: libsrt, TCP of the kernel and
// HTTP, from the product's own destinations to servers of others, in real time over the
// emulated link of package link.
//
// The sender is a process of its own in the link's one namespace ([Sender]), the servers
// (srt-live-transmit, nginx) are in the other, and what arrives is stamped there. Its
// pictures are footage that was encoded once at many bit rates ([Ladder]), so that a
// run needs no processor and each law gets the same content: the sender takes each
// picture from one of the two rungs next to what it is told, such that their mean is
// that. A key picture that is asked for is the next one of the footage, a picture that
// is not coded is taken the next time. Every picture carries its number.
//
// A picture has arrived when its last byte was behind the link, for SRT, and it came out
// of srt-live-transmit whole; when a player beside nginx had it, for RTMP; when nginx had
// the whole of its segment, for HTTP. Its quality is what the encoder made of it. While
// pictures are missing, or lean on one that is, the last good one is shown.
//
// Once for each transport the pictures come from the product's software encoder, live,
// and what arrived is decoded by ffmpeg.
package realtime

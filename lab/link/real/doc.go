// Package real runs bit rate laws over real transports: libsrt, TCP of the kernel and
// HTTP, from the product's own destinations to servers of others, in real time over the
// emulated link of package link.
//
// The sender is a process of its own in the link's one namespace ([Main]), the servers
// (srt-live-transmit, nginx) are in the other, and what arrives is stamped there. Its
// pictures are footage that was encoded once at many bit rates ([Ladder]), so that a
// run needs no processor and each law gets the same content: the sender takes each
// picture from one of the two rungs next to what it is told, such that their mean is
// that. A key picture that is asked for is the next one of the footage, a picture that
// is not coded is taken the next time. Every picture carries its number.
package real

//! Tests of the edges and of whole steps, over loopback HTTP.

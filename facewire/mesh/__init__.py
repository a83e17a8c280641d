"""A call of several: each end sends to each of the others what it codes once, and shows all of them as tiles."""

from facewire.mesh.attach import mesh_face
from facewire.mesh.member import Member
from facewire.mesh.mesh import FaceMesh

__all__ = ["FaceMesh", "Member", "mesh_face"]

"""Stage 3, motion: canonical keypoints, rotation, translation, scale, expression; x = s (x̄ R + δ) + t.

A frame's motion is one vector of `MOTION_NUMBERS` numbers, in this order:

    0..2   yaw, pitch, roll in radians
    3      log scale s
    4..5   translation t, in halves of the picture side
    6..    expression code e; the expression deltas are δ = (Σ_j e_j E_j) R, with E (C, K, 3) a learnt basis

The low-rank basis E is what makes δ cheap: 20 numbers stand for 28 x 3 deltas. Canonical keypoints x̄ (K, 3) are
sent once per keyframe. Coordinates are x right, y down, z away from the camera, the picture spanning [-1, 1].
"""

KEYPOINTS = 28
EXPRESSIONS = 20
POSE_NUMBERS = 6
MOTION_NUMBERS = POSE_NUMBERS + EXPRESSIONS

# The first 24 keypoints are trained towards these points of the 478-point face mesh; the last four are free
# (crown, neck, shoulders) and learn from the pictures alone.
MESH_POINTS = (
    *(61, 291, 0, 17, 13, 14),  # lip corners, outer middle, inner middle
    *(33, 133, 159, 145, 263, 362, 386, 374),  # eye corners and lids
    *(468, 473),  # irises
    *(105, 334),  # brows
    *(10, 152, 234, 454),  # forehead, chin, sides of the face
    *(1, 168),  # nose tip and bridge
)
FEATURE_POINTS = 16  # the lips, eyes and irises of them
FREE_POINTS = KEYPOINTS - len(MESH_POINTS)

FLOW_SIZE = 64  # side of the warping field, whatever the size of the call

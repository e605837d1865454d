#version 450

// The Mandelbrot set, a pixel for each invocation. In whole numbers, with 12 bits
// after the point: they come out alike on every driver, and in Ruby.

layout(local_size_x = 8, local_size_y = 8) in;
layout(binding = 0) writeonly buffer Picture { uint pixels[]; };

const int ONE = 1 << 12;
const int MOST = 64;

uint color(int steps) {
  if (steps == MOST) return 0xff000000u;
  uint red = uint(steps * 4);
  uint green = uint(steps * steps / 16);
  uint blue = uint(255 - steps * 3);
  return 0xff000000u | blue << 16 | green << 8 | red;
}

void main() {
  ivec2 size = ivec2(gl_NumWorkGroups.xy * gl_WorkGroupSize.xy);
  ivec2 at = ivec2(gl_GlobalInvocationID.xy);

  // From -2.25 to 0.75, and from -1.125 to 1.125.
  int left = at.x * 3 * ONE / size.x - 9 * ONE / 4;
  int top = at.y * 9 * ONE / 4 / size.y - 9 * ONE / 8;
  int x = 0, y = 0, steps = 0;
  while (steps < MOST && x * x + y * y <= 4 * ONE * ONE) {
    int next = (x * x - y * y >> 12) + left;
    y = (x * y >> 11) + top;
    x = next;
    steps++;
  }
  pixels[at.y * size.x + at.x] = color(steps);
}

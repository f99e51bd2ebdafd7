// Windows of images as the rows of a matrix, and back: see tinygen/backend/convolution.py. Images are
// (images, height, width, channels) in memory, columns (images, lines, across, groups, kernel_h,
// kernel_w, channels / groups): those of the lines top, ..., top + lines - 1 of the output.

#define WINDOWS Index top, Index lines, Index across, Index height, Index width, Index channels, Index groups, Index kernel_h, Index kernel_w, Index stride_h, Index stride_w, Index pad_h, Index pad_w, Index dilation_h, Index dilation_w

// A cell is one element of a kernel on one window; `lanes` threads copy its channels.
KERNEL im2col(Real* columns, const Real* x, Index cells, Index lanes, WINDOWS)
{
    const Index depth = channels / groups;
    FOR_EACH(i, cells * lanes) {
        const Index cell = i / lanes;
        unsigned rest = cell;
        const Index kernel_x = rest % (unsigned)kernel_w;
        rest /= (unsigned)kernel_w;
        const Index kernel_y = rest % (unsigned)kernel_h;
        rest /= (unsigned)kernel_h;
        const Index group = rest % (unsigned)groups;
        rest /= (unsigned)groups;
        const Index column = rest % (unsigned)across;
        rest /= (unsigned)across;
        const Index line = rest % (unsigned)lines, image = rest / (unsigned)lines;
        const Index y = (top + line) * stride_h - pad_h + kernel_y * dilation_h;
        const Index z = column * stride_w - pad_w + kernel_x * dilation_w;
        const bool inside = 0 <= y && y < height && 0 <= z && z < width;
        const Index from = ((image * height + y) * width + z) * channels + group * depth;
        for (Index c = i % lanes; c < depth; c += lanes)
            columns[cell * depth + c] = inside ? x[from + c] : 0;
    }
}

// Each element of x is the sum of where it stands in the columns, plus, if asked, what it was.
KERNEL col2im(Real* x, const Real* columns, Index n, Index add, WINDOWS)
{
    const Index depth = channels / groups;
    FOR_EACH(i, n) {
        unsigned rest = i;
        const Index channel = rest % (unsigned)channels, group = channel / depth;
        rest /= (unsigned)channels;
        const Index z = rest % (unsigned)width + pad_w;
        rest /= (unsigned)width;
        const Index y = rest % (unsigned)height + pad_h, image = rest / (unsigned)height;
        Real sum = add ? x[i] : 0;
        for (Index kernel_y = 0; kernel_y < kernel_h; kernel_y++) {
            const int down = y - kernel_y * dilation_h;
            const Index line = down / (int)stride_h - top;
            if (down < 0 || down % (int)stride_h || line < 0 || line >= lines) continue;
            for (Index kernel_x = 0; kernel_x < kernel_w; kernel_x++) {
                const int right = z - kernel_x * dilation_w;
                const Index column = right / (int)stride_w;
                if (right < 0 || right % (int)stride_w || column >= across) continue;
                const Index window = (image * lines + line) * across + column;
                const Index cell = ((window * groups + group) * kernel_h + kernel_y) * kernel_w + kernel_x;
                sum += columns[cell * depth + channel % depth];
            }
        }
        x[i] = sum;
    }
}

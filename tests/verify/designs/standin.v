// Two stages with a register each: a = x + 1 (mod 16), y = a ^ 5; tlast passes along.
module standin(input clk, input rst,
  input [7:0] s_axis_x_tdata, input s_axis_x_tvalid, output s_axis_x_tready, input s_axis_x_tlast,
  output [7:0] m_axis_y_tdata, output m_axis_y_tvalid, input m_axis_y_tready, output m_axis_y_tlast,
  input [7:0] reg_addr, input [31:0] reg_wdata, input reg_write, output reg [31:0] reg_rdata);
  reg va = 0, vy = 0, la = 0, ly = 0; reg [7:0] a = 0, y = 0;
  wire adv_y = !vy || m_axis_y_tready;
  wire adv_a = !va || adv_y;
  assign s_axis_x_tready = adv_a;
  always @(posedge clk) begin
    if (adv_a) begin va <= s_axis_x_tvalid; la <= s_axis_x_tlast; a[3:0] <= s_axis_x_tdata[3:0] + 4'd1; a[7:4] <= s_axis_x_tdata[7:4] + 4'd1; end
    if (adv_y) begin vy <= va; ly <= la; y <= a ^ 8'h55; end
    if (rst) begin va <= 0; vy <= 0; end
    reg_rdata <= {24'b0, reg_addr};
  end
  assign m_axis_y_tdata = y; assign m_axis_y_tvalid = vy; assign m_axis_y_tlast = ly;
endmodule
